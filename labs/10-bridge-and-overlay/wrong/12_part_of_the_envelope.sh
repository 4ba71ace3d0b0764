# expect: part_of_the_envelope
# Only the innermost of the headers.
@manager1
docker network create -d overlay {network}
docker service create --detach --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {right} nginx
@predict Q3 8
