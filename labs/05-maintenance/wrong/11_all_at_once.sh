# expect: all_at_once
# --force without any order: everything is replaced together.
@manager1
docker node update --availability drain {node}
@step drain
@outside
lab host {node} reboot
@manager1
docker node update --availability active {node}
docker service update --detach=false --force --update-parallelism 0 {service}
