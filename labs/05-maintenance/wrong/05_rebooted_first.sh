# expect: rebooted_first
# The node is emptied after the reboot.
@outside
lab host {node} reboot
@manager1
docker node update --availability drain {node}
docker node update --availability active {node}
