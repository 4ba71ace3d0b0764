# expect: hand_made
# As many containers by hand: Swarm knows nothing of them.
@manager1
docker run -d nginx
docker run -d nginx
@worker1
docker run -d nginx
docker run -d nginx
@worker2
docker run -d nginx
