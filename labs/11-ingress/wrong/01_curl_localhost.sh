# expect: curl_localhost
# Asked on a node, not from outside.
@manager1
docker service create --replicas 1 -p {port}:80 --name {service} whoami
@{truth_entry}
curl -s http://{truth_node}:{port}/
