# expect: polite_stop
# Asked to stop: that is no failure.
@worker1
docker stop $(docker ps -q --filter name={service}. | head -n 1)
