# expect: wrong_number
# Another number.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host {truth_leader} poweroff
@step leader
@{truth_spoken}
docker service scale {service}=2
