# expect: recreated
# A new service with the right version: everybody was cut.
@manager1
docker service rm {service}
docker service create --name {service} --replicas {replicas} -p {port}:80 --update-parallelism {parallelism} --update-delay {delay}s nginx:{new}
