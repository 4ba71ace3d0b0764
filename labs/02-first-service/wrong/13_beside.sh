# expect: beside
# The service is right, and one container by hand stands beside it.
@manager1
docker service create --replicas {tasks} -p {port}:80 --name {service} {image}
@worker1
docker run -d --name extra nginx
