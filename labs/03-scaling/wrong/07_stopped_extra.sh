# expect: stopped_extra
# Going down by stopping containers: Swarm puts them back.
@manager1
docker service scale {service}={target}
@worker1
docker stop -t 1 $(docker ps -q | head -2)
