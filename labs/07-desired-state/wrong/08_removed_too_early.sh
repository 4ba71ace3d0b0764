# expect: removed_too_early
# The service is gone before anything was seen to come back.
@worker1
kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}. | head -n 1))
@manager1
docker service rm {service}
