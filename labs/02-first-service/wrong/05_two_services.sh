# expect: two_services
# The number of tasks, over two services.
@manager1
docker service create --replicas 3 -p {port}:80 --name {service} {image}
docker service create --replicas 2 --name {service}-2 {image}
