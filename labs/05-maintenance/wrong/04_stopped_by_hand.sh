# expect: stopped_by_hand
# Its containers are stopped one by one; they would be back after 5 s.
@{node}
docker stop $(docker ps -q)
@outside
lab host {node} reboot
