# expect: negation
# Says where not, instead of why.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --replicas {db_tasks} --constraint node.hostname!={other1} --constraint node.hostname!={other2} --name {service} nginx
