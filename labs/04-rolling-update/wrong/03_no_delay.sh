# expect: no_delay
# The right number together, without a pause.
@manager1
docker service update --image nginx:{old} {service}
docker service update --image nginx:{new} --update-parallelism {parallelism} {service}
