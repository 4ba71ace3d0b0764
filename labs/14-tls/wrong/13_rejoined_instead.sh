# expect: rejoined_instead
# Left and joined again: a new certificate, but of a new node.
@{there}
docker swarm leave
docker swarm join --token {truth_old} {address}:2377
@manager1
docker node rm --force $(docker node ls -q -f name={there} | head -n 1)
docker swarm update --cert-expiry {hours}h
