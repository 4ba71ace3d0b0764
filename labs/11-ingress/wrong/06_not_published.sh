# expect: not_published
# A service that nobody outside can reach.
@manager1
docker service create --replicas 1 --name {service} whoami
