# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; {truth_…} is read at that moment, as one reads it from the screen.
@manager1
docker network create -d overlay {network}
docker service create --replicas {first} --network {network} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={home} --name {asker} tools sh -c 'while sleep 1; do curl -s http://{service}/; done'
@step make
@{home}
docker exec $(docker ps -q -f name={asker}) nslookup {service}
docker exec $(docker ps -q -f name={asker}) nslookup tasks.{service}
@predict Q3 {truth_Q3}
@step name
docker exec $(docker ps -q -f name={asker}) cat /etc/resolv.conf
curl http://{service}/
@predict Q2 127.0.0.11
@step resolver
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service scale {service}={more}
@step more
@{home}
docker ps -f name={service}
docker kill $(docker ps -q -f name={service} | head -n 1)
docker exec $(docker ps -q -f name={asker}) nslookup tasks.{service}
@predict Q1 {truth_Q1}
@step kill
@manager1
docker service create --endpoint-mode dnsrr --replicas {copies} --network {network} --name {second} nginx
@step without
@{home}
docker exec $(docker ps -q -f name={asker}) nslookup {second}
@step goal
