# expect: by_hand
# Containers by hand instead of tasks: nothing restarts them, nothing sends them requests.
@manager1
docker run -d nginx
@worker1
docker run -d nginx
@worker2
docker run -d nginx
