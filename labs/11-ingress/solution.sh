# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; {truth_entry} is a node without the task, as `service ps` shows it.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} whoami
docker service ps {service}
@step create
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@client
curl http://{truth_entry}:{port}/
@step request
curl http://{truth_entry}:{port}/
@predict Q1 {truth_Q1}
@step source
@{truth_entry}
nft list ruleset | grep {port}
grep dport={port} /proc/net/nf_conntrack
@predict Q2 {truth_Q2}
@step trace
@manager1
docker service scale {service}={more}
@step more
docker service create --replicas 1 --publish mode=host,target=80,published={direct_port} --name {direct} whoami
docker service ps {direct}
@step host_mode
@client
lab load {burst} {url}
@step goal
