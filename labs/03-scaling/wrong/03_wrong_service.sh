# expect: wrong_service
# The right number for the wrong name.
@manager1
docker service create --name api --replicas 1 nginx
docker service scale api={target}
