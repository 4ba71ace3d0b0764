# expect: virtual_address_is_no_resolver
# Who answers for a name, and what is answered, are not the same.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
@predict Q2 {truth_vip}
