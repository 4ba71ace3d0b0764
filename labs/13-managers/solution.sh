# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host; @outside: on none. @step ID: wait until that step's checks pass.
@manager1
docker swarm join-token manager
@manager2
docker swarm join --token {truth_token} {address}:2377
docker node ls
@step join2
@manager3
docker swarm join --token {truth_token} {address}:2377
docker node ls
@step join3
@outside
lab host {truth_leader} poweroff
@{last}
docker node ls
@step leader
@{truth_spoken}
docker service scale {service}={some}
@step obey
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@outside
lab host {truth_follower} poweroff
@{truth_left}
docker node ls
@step none
@client
curl {url}
@{truth_left}
docker service scale --detach {service}={more}
@step page
@outside
lab host {truth_lost} start
@{truth_spoken}
docker service scale {service}={more}
@step again
@outside
lab host {truth_lost} start
@{last}
curl -s --unix-socket /run/swarmd/etcd/client:0 -d '{}' http://etcd/v3/maintenance/status | tr ',{}' '\n'
@step equal
@manager1
docker node promote {fourth}
docker node ls
@predict Q1 {tolerated}
@step four
docker node demote {fourth}
docker node ls
@step odd
docker node ls
@step goal
