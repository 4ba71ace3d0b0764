# expect: scaled_first
# With a task on each node, nobody can tell who passed it on.
@manager1
docker service create --replicas {more} -p {port}:80 --name {service} whoami
@client
curl -s http://worker1:{port}/
