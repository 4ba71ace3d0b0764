# expect: removed_other
# The neighbour was removed.
@manager1
docker service rm {other}
