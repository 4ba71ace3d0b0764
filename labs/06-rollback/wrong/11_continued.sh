# expect: continued
# Whatever fails, go on.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service update --detach --rollback {service}
@step back
docker service update --detach --update-failure-action continue --update-monitor {monitor}s {service}
docker service update --detach=false --update-delay 0s --image nginx:{bad_auto} {service}
docker service update --detach=false --rollback {service}
