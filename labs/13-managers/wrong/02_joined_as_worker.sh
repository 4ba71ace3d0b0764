# expect: joined_as_worker
# The other token.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_worker_token} {address}:2377
