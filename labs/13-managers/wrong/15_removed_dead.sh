# expect: removed_dead
# Struck off instead of started.
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
lab host {truth_follower} poweroff
@step none
@step page
@outside
lab host {truth_lost} start
@{truth_spoken}
docker service scale {service}={more}
@step again
docker node demote {truth_lost}
docker node rm --force {truth_lost}
