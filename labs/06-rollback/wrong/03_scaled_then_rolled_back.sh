# expect: scaled_then_rolled_back
# The number was the last change: it is the number that is undone.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service scale --detach {service}={more}
docker service update --detach --rollback {service}
