# expect: drain_trick
# The other nodes are closed for a moment.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker node update --availability pause {other1}
docker node update --availability pause {other2}
docker service create --replicas {db_tasks} --name {service} nginx
