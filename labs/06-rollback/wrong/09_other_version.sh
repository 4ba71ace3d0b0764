# expect: other_version
# A version that works.
@manager1
docker service update --detach=false --update-delay 0s --image nginx:1.20 {service}
