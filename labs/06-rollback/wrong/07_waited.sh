# expect: waited
# The update is paused, and stays so.
@manager1
docker service update --image nginx:1.20-broken {service}
docker service inspect --pretty {service}
