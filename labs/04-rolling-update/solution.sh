# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
@manager1
docker service update --image nginx:{old} {service}
docker service ps {service}
@step first
@client
lab probe start {url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service update --image nginx:{new} --update-parallelism {parallelism} --update-delay {delay}s {service}
docker service inspect --pretty {service}
@step update
@client
lab probe status
@step client
