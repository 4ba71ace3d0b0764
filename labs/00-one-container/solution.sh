# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values.
@manager1
docker info | grep Swarm
@step look
docker run -d --name {name} -p {port}:80 {image}
@step run
@client
curl http://manager1:{port}/
@step answer
@predict P1 {predict_P1}
@manager1
docker inspect -f '{{.State.Pid}}' {name}
kill -9 $(docker inspect -f '{{.State.Pid}}' {name})
docker ps -a
@step kill
@client
curl http://manager1:{port}/
@step refused
@predict P2 {predict_P2}
@predict P3 {predict_P3}
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {second})
docker ps
@step restart
docker run -d --name {third} -p {second_port}:80 {image}
@step third
@predict Q1 {truth_Q1}
@step think
@step goal
