# expect: one_replica
# The number left out is one.
@manager1
docker service create -p {port}:80 --name {service} {image}
