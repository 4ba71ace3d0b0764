# expect: ghost_node
# Left and joined again: the list has it twice.
@manager1
docker swarm init --advertise-addr {address}
@worker1
docker swarm join --token {truth_token} {address}:2377
@worker2
docker swarm join --token {truth_token} {address}:2377
docker swarm leave
docker swarm join --token {truth_token} {address}:2377
