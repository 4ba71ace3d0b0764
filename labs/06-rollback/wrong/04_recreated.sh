# expect: recreated
# A new service with the good version.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service rm {service}
docker service create --detach=false --name {service} --replicas {replicas} -p {port}:80 nginx:{good}
