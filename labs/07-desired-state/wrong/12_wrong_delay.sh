# expect: wrong_delay
# At once, says the answer.
@worker1
kill -9 $(docker inspect -f '{{.State.Pid}}' $(docker ps -q --filter name={service}. | head -n 1))
@step kill
@predict Q1 60
