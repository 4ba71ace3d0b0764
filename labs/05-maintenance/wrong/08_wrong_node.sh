# expect: wrong_node
# Another worker is emptied.
@manager1
docker node update --availability drain {other}
@outside
lab host {other} reboot
