# expect: removed
# Scaling is not removing.
@manager1
docker service rm {service}
