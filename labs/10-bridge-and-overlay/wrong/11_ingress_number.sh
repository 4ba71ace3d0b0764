# expect: ingress_number
# The number of another network.
@manager1
docker network create -d overlay {network}
docker service create --detach --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {right} nginx
@predict Q1 4096
