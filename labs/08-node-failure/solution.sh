# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host; @outside: on none. @step ID: wait until that step's checks pass.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@outside
lab host {dead} poweroff
@step off
@manager1
docker node ls
docker service ps {service}
docker info | grep Heartbeat
@predict Q2 {truth_Q2}
@step measure
@outside
lab host {dead} start
@step on
@predict P2 {predict_P2}
lab cut {silent}
@step cut
@manager1
docker node ls
docker service ps {service}
@{silent}
docker ps
ps -ef | grep nginx
@predict Q1 {truth_Q1}
@step count
@outside
lab heal {silent}
@step heal
@client
lab probe status
@step client
