# expect: engine_label
# Labels of engines are not labels of nodes.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --detach --replicas {db_tasks} --constraint engine.labels.disk==ssd --name {service} nginx
