# expect: wrong_port
# The ports the wrong way round, or another one.
@manager1
docker service create --replicas {tasks} -p 8888:80 --name {service} {image}
