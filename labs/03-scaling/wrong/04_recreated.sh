# expect: recreated
# The right number of tasks, none of which is an old one.
@manager1
docker service rm {service}
docker service create --name {service} --replicas {target} -p {port}:80 --env RATE={rate} nginx
