# expect: unpublished
# The port is closed; the tasks go on.
@manager1
docker service update --detach=false --publish-rm 80 {service}
