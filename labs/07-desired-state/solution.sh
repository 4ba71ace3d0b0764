# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
@worker1
docker ps
kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}. | head -n 1))
@step kill
@manager1
docker service ps {service}
@predict Q1 {truth_Q1}
@step measure
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@worker1
docker rm -f $(docker ps -q --filter name={service}. | head -n 1)
@step remove
@manager1
docker service rm {service}
docker ps
docker network ls
@step end
@client
curl http://manager1:{port}/
curl http://manager1:{other_port}/
@step goal
