# expect: vip_instead
# The usual way, where the other one was asked for.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
docker service create --detach --replicas {copies} --network {network} --name {second} nginx
