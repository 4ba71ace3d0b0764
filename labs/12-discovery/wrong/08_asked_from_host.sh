# expect: asked_from_host
# The host is taught the name by hand.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
@{home}
echo {truth_vip} {service} >> /etc/hosts
curl http://{service}/
