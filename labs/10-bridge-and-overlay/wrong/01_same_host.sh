# expect: same_host
# Both on one host: nothing crosses the wire.
@manager1
docker network create -d overlay {network}
docker service create --detach --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={here} --name {right} nginx
