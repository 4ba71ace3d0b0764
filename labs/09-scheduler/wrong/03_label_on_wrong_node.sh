# expect: label_on_wrong_node
# The label is on another node.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {other1}
docker service create --replicas {db_tasks} --constraint node.labels.disk==ssd --name {service} nginx
