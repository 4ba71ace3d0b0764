# expect: half_done
# A version that ends at once: the update stops by itself.
@manager1
docker service update --image nginx:1.20-broken --update-parallelism {parallelism} --update-delay {delay}s {service}
