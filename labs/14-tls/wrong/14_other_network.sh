# expect: other_network
# Each on a network of its own.
@manager1
docker network create -d overlay {network}
docker service create --label secret={word} --network {network} --constraint node.hostname=={here} --name {service} nginx
docker network create -d overlay other
docker service create --network other --constraint node.hostname=={there} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/{word}; done'
