# expect: paused_not_drained
# Pause keeps new tasks away; those that are there stay.
@manager1
docker node update --availability pause {node}
@outside
lab host {node} reboot
@manager1
docker node update --availability active {node}
