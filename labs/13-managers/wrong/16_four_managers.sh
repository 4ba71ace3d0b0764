# expect: four_managers
# A fourth, and it stays.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@manager1
docker node promote {fourth}
