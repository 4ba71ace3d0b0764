# expect: two_managers
# One more, and no third.
@manager2
docker swarm join --token {truth_token} {address}:2377
