# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
@client
lab probe start {probe_url}
@step probe
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service ps {service}
docker service inspect --pretty {service}
@predict P1 {predict_P1}
docker service update --detach --rollback {service}
@step back
docker service ps {service}
@predict P2 {predict_P2}
docker service update --detach --rollback {service}
@step again
docker service update --detach --rollback {service}
@step repair
docker service update --detach --update-failure-action rollback --update-monitor {monitor}s {service}
@step policy
docker service update --detach --image nginx:{bad_auto} {service}
@step auto
docker service inspect --pretty {service}
@client
lab probe status
@step client
