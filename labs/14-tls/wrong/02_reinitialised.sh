# expect: reinitialised
# A new swarm, to be rid of the old token.
@manager1
docker swarm leave --force
docker swarm init --advertise-addr {address}
