# expect: swarm_left
# The node leaves by itself, without a word to the manager.
@{node}
docker swarm leave
