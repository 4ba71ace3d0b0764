# expect: same_host
# Both tasks on one machine: nothing of it is on a cable.
@manager1
docker network create -d overlay {network}
docker service create --label secret={word} --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={here} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/{word}; done'
