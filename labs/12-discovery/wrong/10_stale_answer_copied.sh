# expect: stale_answer_copied
# The list was copied before the service grew.
@manager1
docker network create -d overlay {network}
docker service create --detach --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
@predict Q1 {truth_old}
@manager1
docker service scale {service}={more}
@{home}
docker kill $(docker ps -q -f name={service} | head -n 1)
