# expect: zeroed_old
# No task, but the service is still there.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service scale --detach {old}=0
