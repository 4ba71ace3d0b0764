# expect: network_left
# The service is away, its network is not.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service rm {old}
