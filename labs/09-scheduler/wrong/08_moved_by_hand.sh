# expect: moved_by_hand
# No rule, and containers stopped where they should not be.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker service create --replicas 4 --name {service} nginx
@{other1}
docker stop -t 1 $(docker ps -q -f name={service})
