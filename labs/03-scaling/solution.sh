# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values.
@manager1
docker service ls
docker service ps {service}
@step look
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service scale {service}={target}
@step up
docker service ps {service}
docker node ps worker1
@step where
@client
lab load {burst} {url}
@step answer
@predict P3 {predict_P3}
@manager1
docker service scale {service}={low}
@step down
docker service update --replicas {middle} {service}
@step other_word
@client
lab traffic start {traffic} {url}
@manager1
docker service scale {service}={enough}
@step traffic
@client
lab traffic stop
@manager1
docker service scale {service}={target}
@step goal
