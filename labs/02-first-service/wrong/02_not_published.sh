# expect: not_published
# Everything but the port.
@manager1
docker service create --replicas {tasks} --name {service} {image}
