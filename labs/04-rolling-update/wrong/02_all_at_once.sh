# expect: all_at_once
# 0 together means: no limit.
@manager1
docker service update --image nginx:{old} --detach=false {service}
docker service update --image nginx:{new} --update-parallelism 0 --update-delay {delay}s {service}
