# expect: drained_first
# Emptied before it falls: that is maintenance.
@manager1
docker node update --availability drain {dead}
