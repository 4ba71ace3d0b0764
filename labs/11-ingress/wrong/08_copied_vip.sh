# expect: copied_vip
# Read from docker service inspect.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} whoami
@client
curl -s http://{truth_entry}:{port}/
@step request
@predict Q1 {truth_vip}
