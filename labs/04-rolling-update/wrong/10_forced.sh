# expect: forced
# Everything starts again, with the version it had.
@manager1
docker service update --force --update-parallelism {parallelism} --update-delay {delay}s {service}
