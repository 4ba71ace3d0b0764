# expect: old_token_used
# Rotated, and the newcomer comes with the old token.
@manager1
docker swarm join-token --rotate worker
@step rotate
@{newcomer}
docker swarm join --token {truth_old} {address}:2377
