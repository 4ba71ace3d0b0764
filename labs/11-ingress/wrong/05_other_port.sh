# expect: other_port
# Published on another port.
@manager1
docker service create --replicas 1 -p {direct_port}:80 --name {service} whoami
@client
curl -s http://worker1:{direct_port}/
