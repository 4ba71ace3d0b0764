# expect: used_ingress
# Published ports instead of a network.
@manager1
docker network create -d overlay {network}
docker service create --detach -p 8081:80 --constraint node.hostname=={here} --name {service} nginx
docker service create --detach -p 8082:80 --constraint node.hostname=={there} --name {right} nginx
