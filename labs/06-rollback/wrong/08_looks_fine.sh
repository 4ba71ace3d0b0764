# expect: looks_fine
# Every task runs, says docker; what they answer nobody looked at.
@manager1
docker service update --detach=false --update-delay 0s --image nginx:1.20-broken-page {service}
