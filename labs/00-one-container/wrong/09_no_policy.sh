# expect: no_policy
# The second one has no --restart either.
@manager1
docker run -d --name {second} -p {second_port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {second})
