# expect: balanced_by_scaling
# The number is doubled and halved until the node has tasks again.
@manager1
docker node update --availability drain {node}
@step drain
@outside
lab host {node} reboot
@manager1
docker node update --availability active {node}
docker service scale --detach=false {service}={more}
docker service scale --detach=false {service}={replicas}
