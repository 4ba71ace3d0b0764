# expect: over_sized
# Far more tasks than the traffic needs; then the goal.
@client
lab traffic start {traffic} {url}
@manager1
docker service scale {service}=20
@client
lab traffic stop
@manager1
docker service scale {service}={target}
