# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; {truth_…} is read at that moment, as one reads it from the screen.
@{here}
openssl x509 -in /srv/docker/swarm/certificates/swarm-node.crt -noout -subject -issuer -enddate
@manager1
openssl x509 -in /srv/docker/swarm/certificates/swarm-node.crt -noout -subject -issuer -enddate
@predict Q1 {truth_Q1}
@step identity
@client
openssl s_client -connect manager1:2377 < /dev/null
curl -k -X POST https://manager1:2377/v1/ca/renew
@step knock
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker network create -d overlay {network}
docker service create --label secret={word} --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/{word}; done'
@step services
@{here}
timeout 5 tcpdump -A -ni {here}-eth0 tcp port 2377 | grep -c {word}
timeout 5 tcpdump -A -ni {here}-eth0 udp | grep -B 4 {word}
@predict Q2 {truth_Q2}
@predict Q3 {truth_Q3}
@step wire
@manager1
docker config inspect --pretty {note}
docker swarm join-token --rotate worker
docker node ls
@step rotate
@{newcomer}
docker swarm join --token {truth_old} {address}:2377
docker swarm join --token {truth_new} {address}:2377
@step join
@manager1
docker swarm update --cert-expiry {hours}h
docker swarm ca --rotate --quiet
openssl x509 -in /srv/docker/swarm/certificates/swarm-node.crt -noout -serial -enddate
@step renew
docker node ls
@step goal
