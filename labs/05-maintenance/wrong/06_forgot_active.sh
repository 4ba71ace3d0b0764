# expect: forgot_active
# Emptied, rebooted, and left closed.
@manager1
docker node update --availability drain {node}
@step drain
@outside
lab host {node} reboot
