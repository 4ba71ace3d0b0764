# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host; @outside: on none. @step ID: wait until that step's checks pass.
# {truth_…} is read at that moment, as one reads it from the screen.
@client
lab probe start {probe_url}
@manager1
docker service ls ; docker node ls
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
docker service scale {service}={more}
@step campaign
docker service rm {old}
docker network rm {old_net}
@client
lab traffic status
@step wave
@manager1
docker node update --availability drain {node}
docker node ps {node}
@step maintenance
docker node ls
@outside
lab heal {truth_silent}
@step cable
lab host {node} reboot
@manager1
docker node update --availability active {node}
@step back
docker service ps {service}
docker service update --rollback {service}
@step release
docker service update --force {service}
@step spread
docker events --since 2h --until 0s --filter type=service --filter type=node
@predict Q1 {truth_Q1}
@predict Q2 {truth_Q2}
@predict Q3 {truth_Q3}
@predict Q4 {truth_Q4}
@predict Q5 {truth_Q5}
@step report
