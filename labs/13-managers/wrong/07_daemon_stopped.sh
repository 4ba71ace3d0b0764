# expect: daemon_stopped
# Only the daemon is stopped.
@manager2
docker swarm join --token {truth_token} {address}:2377
@manager3
docker swarm join --token {truth_token} {address}:2377
@step join3
@outside
lab daemon stop {truth_leader}
