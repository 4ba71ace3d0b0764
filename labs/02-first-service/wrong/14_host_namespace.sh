# expect: host_namespace
# The namespace of the shell, not of a task.
@manager1
docker service create --replicas {tasks} -p {port}:80 --name {service} {image}
@predict Q1 {truth_host_namespace}
