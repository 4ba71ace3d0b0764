# expect: entry_is_replica
# Asked the very node that has the task.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} whoami
@client
curl -s http://{truth_home}:{port}/
