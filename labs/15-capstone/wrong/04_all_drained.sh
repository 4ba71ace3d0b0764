# expect: all_drained
# Every machine emptied: nobody is left to do the work.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
for node in manager1 worker1 worker2 worker3 worker4; do docker node update --availability drain $node; done
