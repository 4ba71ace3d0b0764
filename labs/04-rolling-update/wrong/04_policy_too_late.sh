# expect: policy_too_late
# First the version, then how it should have been done.
@manager1
docker service update --image nginx:{old} {service}
docker service update --image nginx:{new} {service}
docker service update --update-parallelism {parallelism} --update-delay {delay}s {service}
