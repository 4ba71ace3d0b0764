# expect: through_published_port
# A container by hand on each host, and a published port.
@{here}
docker run -d --name left nginx
@{there}
docker run -d --name right -p 8080:80 nginx
