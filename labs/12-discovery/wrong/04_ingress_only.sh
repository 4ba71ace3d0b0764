# expect: ingress_only
# A published port instead of a network.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} -p 8080:80 --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
