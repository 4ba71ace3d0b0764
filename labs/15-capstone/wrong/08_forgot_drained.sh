# expect: forgot_drained
# Worked on, and never opened again.
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
docker node ls
