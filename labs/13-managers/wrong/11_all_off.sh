# expect: all_off
# The last one as well.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host manager1 poweroff
@step leader
@{truth_spoken}
docker service scale {service}={some}
@step obey
@outside
lab host manager2 poweroff
lab host manager3 poweroff
