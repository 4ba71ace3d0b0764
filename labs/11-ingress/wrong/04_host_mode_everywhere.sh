# expect: host_mode_everywhere
# The port is the host's own.
@manager1
docker service create --replicas 1 --publish mode=host,target=80,published={port} --name {service} whoami
