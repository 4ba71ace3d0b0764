# expect: joined_before_rotation
# The newcomer comes first, then the token changes.
@{newcomer}
docker swarm join --token {truth_old} {address}:2377
@manager1
docker swarm join-token --rotate worker
