# expect: scaled_to_compensate
# More tasks are asked for, as some are missing.
@outside
lab host {dead} poweroff
@manager1
docker service scale --detach {service}={more}
