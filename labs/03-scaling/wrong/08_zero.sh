# expect: zero
# A service without tasks.
@manager1
docker service scale {service}=0
