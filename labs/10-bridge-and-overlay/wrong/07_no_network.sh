# expect: no_network
# The network is there, and nobody on it.
@manager1
docker network create -d overlay {network}
docker service create --detach --constraint node.hostname=={here} --name {service} nginx
docker service create --detach --constraint node.hostname=={there} --name {right} nginx
