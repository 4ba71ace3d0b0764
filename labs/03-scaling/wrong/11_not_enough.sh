# expect: not_enough
# Almost.
@manager1
docker service scale {service}=9
