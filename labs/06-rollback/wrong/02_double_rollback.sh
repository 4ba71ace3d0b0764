# expect: double_rollback
# Once too often.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service update --detach --rollback {service}
@step back
docker service update --detach --rollback {service}
@step again
