# expect: rebooted_first
# The machine is worked on while it works.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
@outside
lab host {node} reboot
