# expect: rebooted
# Back in a moment.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host {truth_leader} reboot
