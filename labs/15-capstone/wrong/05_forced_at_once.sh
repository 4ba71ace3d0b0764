# expect: forced_at_once
# All tasks anew, all at once.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service update --detach --force --update-parallelism 0 {service}
