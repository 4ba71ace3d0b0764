# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; the token is read from the manager at that moment, as one copies it.
@manager1
docker info | grep Swarm
ip -br addr
@step look
docker swarm init --advertise-addr {address}
docker node ls
@step init
@worker1
docker swarm join --token {truth_token} {address}:2377
@step join1
@worker2
docker swarm join --token {truth_token} {address}:2377
@step join2
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@worker1
docker node ls
docker info | grep -A4 Swarm
ss -tn | grep 2377
@step roles
@step goal
