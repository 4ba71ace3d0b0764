# expect: demoted_instead
# Told to go: it hands on first.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@manager2
docker node demote manager1
