# The reference solution, typed line by line in the same shells as a student's.
# @HOST: the next lines are typed on that host. @step ID: wait until that step's checks pass. @predict: answer.
# {…} is filled in with the lab's values; {truth_…} is read at that moment, as one reads it from the screen.
@manager1
docker node update --label-add disk=ssd {ssd1}
docker node update --label-add disk=ssd {ssd2}
docker node inspect -f '{{.Spec.Labels}}' manager1 worker1 worker2 worker3
@step labels
docker service create --replicas {db_tasks} --constraint node.labels.disk==ssd --name {service} nginx
docker service ps {service}
@step db
docker service create --replicas {api_tasks} --constraint node.role==worker --name {api} nginx
@step api
@predict P2 {predict_P2}
docker service create --detach --reserve-memory {reserve}M --replicas {batch_tasks} --name {batch} nginx
@predict Q1 {truth_Q1}
docker service ps --no-trunc {batch}
docker node inspect -f '{{.Description.Resources.MemoryBytes}}' manager1 worker1 worker2 worker3
@step batch
docker service create --replicas {cache_tasks} --placement-pref spread=node.labels.zone --replicas-max-per-node 1 --name {cache} nginx
@step cache
docker service create --constraint node.labels.zone=={zone} --name {web} nginx
docker service ps {web}
@step web
@predict P1 {predict_P1}
docker service scale {web}=2
docker service ps {web}
@step next
@step goal
