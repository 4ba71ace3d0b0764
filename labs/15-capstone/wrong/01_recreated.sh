# expect: recreated
# Everything taken down and built anew.
@client
lab probe start {probe_url}
@step probe
@predict P1 {predict_P1}
@predict P2 {predict_P2}
@manager1
docker service rm {service}
docker service create --detach --name {service} --replicas {more} -p {port}:80 -e RATE={rate} nginx:{good}
