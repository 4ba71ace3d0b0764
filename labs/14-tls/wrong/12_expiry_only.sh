# expect: expiry_only
# The rule is new, the certificates are the old ones.
@manager1
docker swarm update --cert-expiry {hours}h
