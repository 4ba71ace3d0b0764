# expect: pending
# Nobody accepts the new tasks.
@manager1
docker node update --availability pause manager1
docker node update --availability pause worker1
docker node update --availability pause worker2
docker service scale --detach {service}={target}
