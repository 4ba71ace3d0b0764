# expect: second_service
# Five more tasks, but of another service.
@manager1
docker service create --name web2 --replicas 4 nginx
