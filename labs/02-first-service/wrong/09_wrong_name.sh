# expect: wrong_name
# The right service under another name.
@manager1
docker service create --replicas {tasks} -p {port}:80 --name website {image}
