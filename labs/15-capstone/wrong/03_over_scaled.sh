# expect: over_scaled
# Much more than what was asked for: there will be enough of the good ones.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service scale --detach {service}={double}
