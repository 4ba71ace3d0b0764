# expect: hosts_file
# The name is written into the container by hand.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
@{home}
docker exec $(docker ps -q -f name={asker}) sh -c 'echo {truth_task} {service} >> /etc/hosts'
