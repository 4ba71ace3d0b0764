# expect: started_again
# Killed, and started by hand.
@manager1
docker run -d --name {name} -p {port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {name})
docker wait {name}
docker start {name}
