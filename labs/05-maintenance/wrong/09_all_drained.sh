# expect: all_drained
# No node is left for any task.
@manager1
docker node update --availability drain manager1
docker node update --availability drain worker1
docker node update --availability drain worker2
