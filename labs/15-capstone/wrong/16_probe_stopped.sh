# expect: probe_stopped
# Nobody looks while it goes wrong.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
@client
lab probe stop
