# expect: wrong_number
# One too many.
@manager1
docker service create --replicas 9 -p {port}:80 --name {service} {image}
