# expect: roles_swapped
# worker1 is the manager.
@worker1
docker swarm init --advertise-addr 10.7.0.2
@manager1
docker swarm join --token {truth_token} 10.7.0.2:2377
@worker2
docker swarm join --token {truth_token} 10.7.0.2:2377
