# expect: polite_stop
# Stopped politely: no crash.
@manager1
docker run -d --name {name} -p {port}:80 {image}
docker stop {name}
