# expect: swarm_left
# The node leaves: its tasks end, the service goes on.
@worker1
docker swarm leave
