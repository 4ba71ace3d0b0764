# expect: scaled_too_far
# One zero too many is usual; here, a bit less.
@manager1
docker service scale {service}=14
