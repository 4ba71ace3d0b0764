# expect: wrong_target_port
# The right port outside, one inside where nobody listens.
@manager1
docker service create --replicas {tasks} -p {port}:8080 --name {service} {image}
