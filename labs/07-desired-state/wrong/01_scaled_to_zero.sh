# expect: scaled_to_zero
# No task is left; the service is.
@manager1
docker service scale --detach {service}=0
