# expect: removed
# The wrong one of the two services.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service rm {service}
