# expect: closed_node
# All three are in, one takes no work.
@manager1
docker swarm init --advertise-addr {address}
@worker1
docker swarm join --token {truth_token} {address}:2377
@worker2
docker swarm join --token {truth_token} {address}:2377
@manager1
docker node update --availability pause worker2
