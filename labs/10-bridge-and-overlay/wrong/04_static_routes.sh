# expect: static_routes
# Two bridges with subnets of their own, and a route.
@{there}
docker network create --subnet 172.30.0.0/16 {bridge}
docker run -d --name {three} --network {bridge} nginx
@{here}
docker network create --subnet 172.29.0.0/16 {bridge}
docker run -d --name {one} --network {bridge} nginx
docker run -d --name {two} --network {bridge} nginx
ip route add 172.30.0.0/16 via {truth_far_address}
