# expect: host_mode
# In host mode a port is used once a node: two tasks wait.
@manager1
docker service create --detach --replicas {tasks} --publish mode=host,target=80,published={port} --name {service} {image}
docker service ps --no-trunc {service}
