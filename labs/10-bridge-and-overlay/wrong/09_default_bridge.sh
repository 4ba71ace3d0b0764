# expect: default_bridge
# Without --network nobody has a name.
@{here}
docker run -d --name {one} nginx
docker run -d --name {two} nginx
docker exec {one} ping -c 1 {two}
