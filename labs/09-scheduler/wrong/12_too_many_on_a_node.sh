# expect: too_many_on_a_node
# Spread over zones, and nothing about nodes.
@manager1
docker service create --replicas {cache_tasks} --placement-pref spread=node.labels.zone --name {cache} nginx
