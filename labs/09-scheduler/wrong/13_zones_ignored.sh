# expect: zones_ignored
# One a node, wherever.
@manager1
docker service create --replicas {cache_tasks} --replicas-max-per-node 1 --name {cache} nginx
