# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; {truth_…} is read at that moment, as one reads it from the screen.
@{here}
docker network create {bridge}
docker run -d --name {one} --network {bridge} nginx
docker run -d --name {two} --network {bridge} nginx
docker exec {one} ping -c 1 {two}
@step bridge
@{there}
docker network create {bridge}
docker run -d --name {three} --network {bridge} nginx
@{here}
docker exec {one} ping -c 1 {three}
@step far
@manager1
docker network create -d overlay {network}
docker network ls
@step network
docker service create --network {network} --constraint node.hostname=={here} --name {service} nginx
docker service create --network {network} --constraint node.hostname=={there} --name {right} nginx
@step services
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@{here}
docker exec -d $(docker ps -q -f name={service}.1) ping -c 20 tasks.{right}
tcpdump -c 4 -ni {here}-eth0 udp port 4789
@predict Q1 {truth_Q1}
@predict Q2 {truth_Q2}
@step wire
docker exec $(docker ps -q -f name={service}.1) ping -c 1 -M do -s {fits} tasks.{right}
docker exec $(docker ps -q -f name={service}.1) ping -c 1 -M do -s {too_big} tasks.{right}
docker exec $(docker ps -q -f name={service}.1) ip link
@predict Q3 {truth_Q3}
@step mtu
for n in /run/swarmd/networks/*; do nsenter --net=$n ip -d link show type vxlan; nsenter --net=$n bridge fdb show | grep dst; done
@predict Q4 {truth_Q4}
@step tables
@step goal
