# expect: restart_on_web
# The first one never stays dead.
@manager1
docker run -d --restart=always --name {name} -p {port}:80 {image}
kill -9 $(docker inspect -f '{{.State.Pid}}' {name})
