# expect: never_restart
# The service is told to leave the dead alone.
@manager1
docker service update --detach=false --restart-condition none {service}
@worker1
kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}. | head -n 1))
