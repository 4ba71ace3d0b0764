# expect: three_swarms
# init everywhere: three swarms of one.
@manager1
docker swarm init --advertise-addr {address}
@worker1
docker swarm init --advertise-addr 10.7.0.2
@worker2
docker swarm init --advertise-addr 10.7.0.3
