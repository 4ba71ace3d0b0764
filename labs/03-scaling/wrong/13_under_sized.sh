# expect: under_sized
# The traffic runs, and too few tasks serve it.
@client
lab traffic start {traffic} {url}
@manager1
docker service update --replicas {low} {service}
