# expect: pinned_to_hostname
# The node is named, not what is good about it.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --replicas {db_tasks} --constraint node.hostname=={ssd1} --name {service} nginx
