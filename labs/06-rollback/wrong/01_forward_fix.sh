# expect: forward_fix
# The good version is asked for by its name: now the bad one is what a return leads to.
@manager1
docker service update --detach --image nginx:{bad} {service}
@step bad
docker service update --detach --image nginx:{good} {service}
