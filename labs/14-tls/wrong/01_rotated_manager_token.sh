# expect: rotated_manager_token
# The other token: the workers' still opens.
@manager1
docker swarm join-token --rotate manager
