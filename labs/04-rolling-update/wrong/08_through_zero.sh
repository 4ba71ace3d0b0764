# expect: through_zero
# Down to nothing, changed, and up again.
@manager1
docker service update --image nginx:{old} {service}
docker service scale {service}=0
docker service update --image nginx:{new} --update-parallelism {parallelism} --update-delay {delay}s {service}
docker service scale {service}={replicas}
