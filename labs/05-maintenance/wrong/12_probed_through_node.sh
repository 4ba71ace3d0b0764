# expect: probed_through_node
# The witness asks the very node that is rebooted.
@client
lab probe start http://{node}:{port}/
@step probe
@manager1
docker node update --availability drain {node}
@step drain
@outside
lab host {node} reboot
@manager1
docker node update --availability active {node}
docker service update --detach=false --force {service}
