# expect: fixed_by_hand
# A container by hand where one seemed to be missing.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
@worker2
docker run -d --name fix nginx:{good}
