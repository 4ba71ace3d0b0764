# expect: bridge_called_overlay
# The name is right, the driver is not.
@{here}
docker network create {network}
docker run -d --name left --network {network} nginx
@{there}
docker network create {network}
docker run -d --name right --network {network} nginx
