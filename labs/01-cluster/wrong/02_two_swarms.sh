# expect: two_swarms
# One worker made a swarm of its own.
@manager1
docker swarm init --advertise-addr {address}
@worker1
docker swarm join --token {truth_token} {address}:2377
@worker2
docker swarm init --advertise-addr 10.7.0.3
