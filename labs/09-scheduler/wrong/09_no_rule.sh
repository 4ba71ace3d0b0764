# expect: no_rule
# Swarm chooses, as nobody said anything.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --replicas {db_tasks} --name {service} nginx
