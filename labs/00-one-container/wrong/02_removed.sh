# expect: removed
# Killed, and the evidence removed.
@manager1
docker run -d --name {name} -p {port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {name})
docker rm -f {name}
