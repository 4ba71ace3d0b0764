# expect: host_network
# A container without a network of its own.
@{here}
docker run -d --name left nginx
@{there}
docker run -d --name right --network host nginx
