# expect: one_back_on
# The first is on again before the second goes.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host {truth_leader} poweroff
@step leader
@{truth_spoken}
docker service scale {service}={some}
@step obey
@outside
lab host {truth_lost} start
lab host {truth_follower} poweroff
