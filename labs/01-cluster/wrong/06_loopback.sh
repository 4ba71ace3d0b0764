# expect: loopback
# An address that means oneself, on every host.
@manager1
docker swarm init --advertise-addr 127.0.0.1
