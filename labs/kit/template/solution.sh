# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values.
@predict P1 yes
@manager1
docker service create --replicas {tasks} -p {port}:80 --name {service} nginx
@step make
