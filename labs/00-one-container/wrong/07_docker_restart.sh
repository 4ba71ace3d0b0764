# expect: docker_restart
# It came back because somebody said so.
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
docker restart -t 1 {second}
