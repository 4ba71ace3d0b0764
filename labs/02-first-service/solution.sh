# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values.
@predict P1 {predict_P1}
@manager1
docker service create --replicas {tasks} -p {port}:80 --name {service} {image}
@step create
docker service ls
docker service ps {service}
docker node ps worker1
@step look
@predict P2 {predict_P2}
@client
for h in manager1 worker1 worker2; do curl -s http://$h:{port}/ | grep -i host; done
lab load {burst} {url}
@step answer
@manager1
docker network ls
@step network
@worker1
ps -ef | grep nginx
ls -l /proc/*/ns/net
@predict Q1 {truth_Q1}
@step namespace
@step goal
