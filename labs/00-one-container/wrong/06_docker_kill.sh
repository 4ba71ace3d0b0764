# expect: docker_kill
# docker kill is an order to Docker: it does not start again what it was told to kill.
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
docker kill {second}
