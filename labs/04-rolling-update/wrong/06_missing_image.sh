# expect: missing_image
# There is no such version.
@manager1
docker service update --image nginx:9.99 --update-parallelism {parallelism} --update-delay {delay}s {service}
