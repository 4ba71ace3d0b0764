# expect: other_port
# The third one on a port that is free: nothing was learnt.
@manager1
docker run -d --restart=always --name {second} -p {second_port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {second})
docker run -d --name {third} -p 9999:80 {image}
