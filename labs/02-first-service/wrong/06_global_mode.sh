# expect: global_mode
# One task a node is another wish.
@manager1
docker service create --mode global -p {port}:80 --name {service} {image}
