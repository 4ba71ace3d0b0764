# expect: through_zero
# Down to nothing, back, and up again.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service scale --detach {service}=0
docker service update --detach --image nginx:{good} {service}
docker service scale --detach=false {service}={replicas}
