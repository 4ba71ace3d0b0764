# expect: recreated
# A new service is spread well, too; everybody was cut.
@manager1
docker node update --availability drain {node}
@step drain
@outside
lab host {node} reboot
@manager1
docker node update --availability active {node}
docker service rm {service}
docker service create --detach=false --name {service} --replicas {replicas} -p {port}:80 nginx
