# expect: by_hand
# A container on the right machine is no service.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
@{ssd1}
docker run -d --name {service} nginx
