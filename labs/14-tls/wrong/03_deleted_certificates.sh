# expect: deleted_certificates
# Deleted, so that it gets new ones.
@{there}
rm -r /srv/docker/swarm/certificates
