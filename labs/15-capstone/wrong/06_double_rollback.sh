# expect: double_rollback
# Rolled back twice: the second brings the bad version again.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service scale {service}={more}
@step campaign
docker service rm {old}
docker network rm {old_net}
@step wave
docker node update --availability drain {node}
@step maintenance
@outside
lab heal {truth_silent}
@step cable
lab host {node} reboot
@manager1
docker node update --availability active {node}
@step back
docker service update --detach --rollback {service}
@step release
docker service update --detach --rollback {service}
