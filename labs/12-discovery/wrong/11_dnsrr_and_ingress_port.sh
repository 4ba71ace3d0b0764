# expect: dnsrr_and_ingress_port
# dnsrr with a port is refused; so the port stays and dnsrr goes.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
docker service create --detach --endpoint-mode dnsrr -p 8081:80 --replicas {copies} --network {network} --name {second} nginx
docker service create --detach -p 8081:80 --replicas {copies} --network {network} --name {second} nginx
