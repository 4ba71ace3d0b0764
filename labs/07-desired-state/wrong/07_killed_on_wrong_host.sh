# expect: killed_on_wrong_host
# On another host than worker1.
@worker2
kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}. | head -n 1))
