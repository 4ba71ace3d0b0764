# expect: wrong_image
# nginx says less about who asks.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} nginx
