# expect: restart_is_enough
# --restart does not keep an application up when its host stops.
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {second})
@predict Q1 A2, A7
