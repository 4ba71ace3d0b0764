# expect: scaled_down_to_fit
# Fewer are asked for, so that none has to wait.
@manager1
docker service create --detach --reserve-memory {reserve}M --replicas {room} --name {batch} nginx
