# expect: hand_made_containers
# Five containers by hand instead of five tasks.
@manager1
docker run -d nginx
docker run -d nginx
@worker1
docker run -d nginx
docker run -d nginx
@worker2
docker run -d nginx
