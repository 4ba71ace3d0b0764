# expect: killed_one_by_one
# All containers are removed by hand; the wish stands.
@manager1
docker rm -f $(docker ps -q --filter name={service}.)
@worker1
docker rm -f $(docker ps -q --filter name={service}.)
@worker2
docker rm -f $(docker ps -q --filter name={service}.)
