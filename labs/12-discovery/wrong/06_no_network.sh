# expect: no_network
# Nobody said on which network.
@manager1
docker service create --detach --replicas {first} --name {service} nginx
docker service create --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
