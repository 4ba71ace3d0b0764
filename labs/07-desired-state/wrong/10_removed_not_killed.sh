# expect: removed_not_killed
# The container was removed: its process was not the aim.
@worker1
docker rm -f $(docker ps -q --filter name={service}. | head -n 1)
