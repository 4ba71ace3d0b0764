# expect: wrong_image
# Another program with the right name and number.
@manager1
docker service create --replicas {tasks} -p {port}:80 --name {service} whoami
