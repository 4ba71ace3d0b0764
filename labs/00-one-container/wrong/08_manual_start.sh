# expect: manual_start
# It came back because somebody started it.
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
docker kill {second}
docker start {second}
