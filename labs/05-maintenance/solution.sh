# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host; @outside: on none. @step ID: wait until that step's checks pass.
@client
lab probe start {probe_url}
@step probe
@manager1
docker node update --availability drain {node}
docker service ps {service}
docker node ps {node}
@step drain
@outside
lab host {node} reboot
@step reboot
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker node update --availability active {node}
@step active
docker node ps {node}
@step wait
docker service update --force --detach {service}
@step force
docker node ps {node}
@client
lab probe status
@step client
