# expect: local_network
# Without -d overlay the network is of one machine.
@manager1
docker network create {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
