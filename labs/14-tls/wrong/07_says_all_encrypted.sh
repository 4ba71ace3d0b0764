# expect: says_all_encrypted
# Swarm uses TLS, hence everything is encrypted.
@manager1
docker network create -d overlay {network}
docker service create --label secret={word} --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/{word}; done'
@predict Q3 M C
