# expect: typo_in_constraint
# A label that no node has: everybody waits.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --detach --replicas {db_tasks} --constraint node.labels.disc==ssd --name {service} nginx
