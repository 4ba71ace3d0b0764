# expect: rolled_back_by_hand
# The bad version twice, and each time a human takes it back.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service update --detach --rollback {service}
@step back
docker service update --detach --image nginx:{bad_auto} {service}
docker service update --detach --rollback {service}
