# expect: killed_bad_tasks
# The containers are removed; the wish is still the bad version.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
@worker1
docker rm -f $(docker ps -q)
@worker2
docker rm -f $(docker ps -q)
