# expect: drained_not_killed
# Emptied: it leads on.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@manager1
docker node update --availability drain manager1
