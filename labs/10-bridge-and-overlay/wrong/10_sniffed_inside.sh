# expect: sniffed_inside
# Listened inside the container, where the envelope is off.
@manager1
docker network create -d overlay {network}
docker service create --detach --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {right} nginx
@predict Q2 {truth_inner}
