# expect: drained_silent
# A failure treated as maintenance.
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
docker node update --availability drain {truth_silent}
