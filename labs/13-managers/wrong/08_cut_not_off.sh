# expect: cut_not_off
# The cable, where the power was meant.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab cut {truth_leader}
