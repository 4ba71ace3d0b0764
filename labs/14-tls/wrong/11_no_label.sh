# expect: no_label
# The service has no label.
@manager1
docker network create -d overlay {network}
docker service create --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/{word}; done'
