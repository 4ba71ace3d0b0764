# expect: node_drained
# Ten tasks on two nodes.
@manager1
docker node update --availability drain worker2
docker service scale {service}={target}
