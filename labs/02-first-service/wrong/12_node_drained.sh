# expect: node_drained
# The right service; one node accepts nothing.
@manager1
docker node update --availability drain worker2
docker service create --replicas {tasks} -p {port}:80 --name {service} {image}
