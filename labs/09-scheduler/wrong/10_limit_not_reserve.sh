# expect: limit_not_reserve
# A ceiling instead of a booking.
@manager1
docker service create --detach --limit-memory {reserve}M --replicas {batch_tasks} --name {batch} nginx
