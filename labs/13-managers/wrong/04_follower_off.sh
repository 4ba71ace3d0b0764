# expect: follower_off
# A manager, but not the one that leads.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab host {truth_follower} poweroff
