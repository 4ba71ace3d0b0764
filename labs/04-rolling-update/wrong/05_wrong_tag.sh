# expect: wrong_tag
# Well done, with another version.
@manager1
docker service update --image nginx:{other} --update-parallelism {parallelism} --update-delay {delay}s {service}
