# expect: direct_in_ingress
# The second service is published the usual way.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} whoami
@client
curl -s http://{truth_entry}:{port}/
@step request
@manager1
docker service create --replicas 1 -p {direct_port}:80 --name {direct} whoami
