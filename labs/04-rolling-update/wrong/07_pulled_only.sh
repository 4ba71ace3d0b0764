# expect: pulled_only
# The image is on the node; the service does not know.
@manager1
docker pull nginx:{new}
docker image ls
