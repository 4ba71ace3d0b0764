# expect: wrong_nic
# The address of a bridge that no cable leads to.
@manager1
docker swarm init --advertise-addr docker0
