# expect: worker_missing
# One is missing.
@manager1
docker swarm init --advertise-addr {address}
@worker1
docker swarm join --token {truth_token} {address}:2377
