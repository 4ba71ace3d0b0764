# expect: node_removed
# The node is thrown out of the swarm.
@manager1
docker node rm --force {node}
