# expect: forced_new_cluster
# The one that is left declares itself a cluster.
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
@{truth_left}
docker swarm init --force-new-cluster
