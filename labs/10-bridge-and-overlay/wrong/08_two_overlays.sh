# expect: two_overlays
# Each on an overlay of its own.
@manager1
docker network create -d overlay {network}
docker network create -d overlay other
docker service create --detach --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --detach --network other --constraint node.hostname=={there} --name {right} nginx
