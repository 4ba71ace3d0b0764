# expect: killed_a_worker
# A machine, but no manager.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host worker2 poweroff
