# expect: killed_other
# Another container's PID.
@manager1
docker run -d --name {name} -p {port}:80 {image}
docker run -d --name other {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' other)
