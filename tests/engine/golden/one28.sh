# What tests/engine/golden_record.py types at a real Docker Engine of one host, and the replay at ours.
# A line is a command; `## name` begins a new file of the recording.
## 200_images
docker images --format '{{.Repository}}:{{.Tag}}'
docker image ls --filter reference='nginx' -q | wc -l
docker tag nginx:1.18 shop/front:1
docker tag nginx:9.99 shop/front:2
docker tag nginx:1.18 Shop/Front:1
docker image inspect -f '{{.RepoTags}} {{.Os}} {{.Config.Cmd}} {{.Config.ExposedPorts}}' shop/front:1
docker image inspect shop/missing
docker history --format '{{.CreatedBy}}' shop/missing
docker save -o /nowhere/x.tar shop/front:1
docker save shop/missing
docker save shop/front:1 | docker load
echo nothing | docker load
docker rmi shop/missing
docker rmi shop/front:1
docker rmi shop/front:1
mkdir -p /tmp/golden-root/bin && echo hello > /tmp/golden-root/file && tar -C /tmp/golden-root -c . | docker import -c 'CMD ["/file"]' - shop/flat:1 | cut -c 1-7
docker image inspect -f '{{.RepoTags}} {{.Config.Cmd}} {{len .RootFS.Layers}}' shop/flat:1
docker run --rm shop/flat:1
docker images --filter bogus=1
docker images shop/flat --format '{{json .Repository}} {{.Tag}}'
docker image prune -f
docker rmi -f shop/flat:1 | sed 's/sha256:.*/sha256:X/'
rm -r /tmp/golden-root
## 210_containers
docker run -d --name one nginx:1.18 | wc -c
docker ps --format 'table {{.Names}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}'
docker ps -a --filter name=on --filter status=running -q | wc -l
docker ps --filter bogus=1
docker ps --filter status=nonsense
docker run -d --name one nginx:1.18 2>&1 | sed 's/"[0-9a-f]\{64\}"/"ID"/'
docker exec one sh -c 'echo out; echo err >&2; exit 7'
docker exec -e A=b -w /tmp one sh -c 'echo $A; pwd'
docker exec one no-such-program
docker exec one /etc
docker exec -u nobody one id -un
docker exec -u nosuchuser one id
docker exec missing true
docker exec -d one sleep 100
docker top one -o comm | sort | uniq
docker top one -C nothing
docker top missing
docker inspect -f '{{.Name}} {{.State.Status}} {{.State.Running}} {{.RestartCount}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.NetworkMode}}' one
docker inspect missing
docker inspect --type container missing
docker inspect -f '{{.Nope}}' one
docker port one
docker port one 81
echo text > /tmp/golden-file; docker cp /tmp/golden-file one:/tmp/there; docker exec one cat /tmp/there
docker cp one:/tmp/there - | tar t
docker cp one:/nowhere -
docker cp /nowhere one:/tmp
docker cp /tmp/golden-file missing:/tmp
rm /tmp/golden-file
docker diff one | grep there
docker rename one two
docker rename two two
docker rename missing three
docker pause two
docker pause two
docker exec two true
docker ps --format '{{.Names}} {{.Status}}' | sed 's/Up .* (/Up (/'
docker unpause two
docker unpause two
docker rm two
docker stop -t 10 two
docker stop two
docker kill two
docker wait two
docker exec two true
docker attach two
docker top two
docker start two
docker restart -t 10 two
docker kill -s NONSENSE two
docker kill -s KILL two
docker ps -a --format '{{.Names}} {{.Status}}' | sed 's/ [^ ]* [^ ]* ago//;s/ Less.*//;s/ About.*//'
docker rm two
docker rm -f missing
docker stop missing
docker start missing
docker wait missing
docker logs missing
docker run --name said nginx:1.18 sh -c 'echo first; echo second >&2; exit 3'
docker logs said
docker logs --tail 1 said 2>&1 | wc -l
docker logs --since 1h said 2>/dev/null
docker logs --since nonsense said
docker inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}} {{.Path}} {{.Args}}' said
docker container prune -f | sed 's/[0-9a-f]\{64\}/ID/'
sleep 1.1; docker events --since 1h --until 0s --filter container=said --format '{{.Type}} {{.Action}} {{index .Actor.Attributes "exitCode"}}'
sleep 1.1; docker events --since 1h --until 0s --filter container=two --format '{{.Action}}' | grep -v -e exec -e health
docker run --rm nginx:1.18 no-such-program
docker run --rm nginx:1.18 /etc
docker run --rm -i nginx:1.18 cat < /dev/null
echo piped | docker run --rm -i nginx:1.18 cat
docker run --rm -e A=1 -e B --hostname box -w /tmp nginx:1.18 sh -c 'hostname; pwd; env | grep ^A='
docker run --rm -w relative nginx:1.18 pwd
docker run --rm --entrypoint echo nginx:1.18 hi
docker run --rm --read-only nginx:1.18 sh -c 'touch /x'
docker run --rm --restart always nginx:1.18 true
docker run --rm --restart sometimes nginx:1.18 true
docker run --rm -m 1m nginx:1.18 true
docker run --rm --cpus 64 nginx:1.18 true
docker run --rm -p 99999:80 nginx:1.18 true
docker run --rm -p nonsense nginx:1.18 true
docker run --rm -v relative/path:/x nginx:1.18 true
docker run --rm -v /tmp:/x:nonsense nginx:1.18 true
docker run --rm --mount type=bind,src=/nowhere,dst=/x nginx:1.18 true
docker run --rm --mount type=nonsense,dst=/x nginx:1.18 true
docker run --rm --network nowhere nginx:1.18 true
docker run --rm --name 'bad name' nginx:1.18 true
docker run --rm --stop-signal NONSENSE nginx:1.18 true
docker run --rm --cap-add NONSENSE nginx:1.18 true
docker run --rm --pid nonsense nginx:1.18 true
docker run --rm --log-driver nonsense nginx:1.18 true
docker run --rm --ulimit nonsense nginx:1.18 true
docker run --rm --user nosuchuser nginx:1.18 true
docker create --name made nginx:1.18 | wc -c
docker ps -a --format '{{.Names}} {{.Status}}'
docker exec made true
docker rm made
docker run -d --name healthy --health-cmd true --health-interval 1s nginx:1.18 | wc -c
sleep 3; docker inspect -f '{{.State.Health.Status}} {{.Config.Healthcheck.Test}}' healthy
docker ps --filter health=healthy --format '{{.Names}} {{.Status}}' | sed 's/Up .* (/Up (/'
docker stats --no-stream --format '{{.Name}} {{.PIDs}}' healthy | sed 's/[0-9][0-9]*$/N/'
docker stats --no-stream missing
docker update --restart always healthy
docker update --restart nonsense healthy
docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' healthy
docker rm -f healthy
## 220_secrets_and_configs
printf s3cret | docker secret create password - | wc -c
printf s3cret | docker secret create password -
printf x | docker secret create 'bad name' -
printf '' | docker secret create empty -
docker secret ls --format '{{.Name}} {{.Driver}}'
docker secret ls --filter name=pass -q | wc -l
docker secret ls --filter bogus=1
docker secret inspect -f '{{.Spec.Name}} {{.Spec.Labels}} {{.Spec.Data}}' password
docker secret inspect --pretty password | grep -v '^ *\(ID\|Created\|Updated\)'
docker secret inspect missing
docker secret rm missing
printf 'key: {{.Service.Name}}' | docker config create --template-driver golang --label a=b settings - | wc -c
printf x | docker config create settings -
docker config ls --format '{{.Name}} {{.Labels}}'
docker config ls --filter label=a=b -q | wc -l
docker config inspect --pretty settings | grep -v '^ *\(ID\|Created\|Updated\)'
docker config inspect -f '{{json .Spec}}' settings
docker config inspect missing
docker service create --detach --name reader --secret password --config source=settings,target=/etc/settings,mode=0440 nginx:1.18 2>&1 | tail -n 1 | wc -c
docker service create --detach --name reader2 --secret nothere nginx:1.18
docker service create --detach --name reader2 --secret password --secret password nginx:1.18
docker service create --detach --name reader2 --config source=settings,target=x --config source=settings,target=x nginx:1.18 2>&1 | sed 's/^[0-9a-z]\{25\}$/ID/'
docker service inspect -f '{{json .Spec.TaskTemplate.ContainerSpec.Configs}}' reader | sed 's/"ConfigID":"[^"]*"/"ConfigID":"X"/'
sleep 4; docker exec $(docker ps -qf name=reader.1) sh -c 'cat /run/secrets/password /etc/settings; stat -c " %a %u" /etc/settings /run/secrets/password'
docker secret rm password
docker config rm settings
docker service update --detach --secret-rm password --config-rm settings reader
docker service rm reader
sleep 1; docker service rm reader2
sleep 3; docker secret rm password
docker config rm settings
## 230_volumes
docker volume create data
docker volume create data
docker volume create 'bad/name'
docker volume create | wc -c
docker volume ls --format '{{.Driver}} {{.Name}}' | grep data
docker volume ls --filter name=dat --format '{{.Name}}'
docker volume ls --filter dangling=true -q | wc -l
docker volume ls --filter bogus=1
docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Options}}' data
docker volume inspect missing
docker run -d --name keeper -v data:/data nginx:1.18 | wc -c
docker exec keeper sh -c 'echo kept > /data/file'
docker volume rm data 2>&1 | sed 's/[0-9a-f]\{64\}/ID/'
docker rm -f keeper
docker run --rm -v data:/data:ro nginx:1.18 sh -c 'cat /data/file; echo x > /data/file'
docker volume rm data
docker volume rm data
docker volume prune -f | sed 's/[0-9a-f]\{64\}/ID/' | grep -v '^Total'
docker volume create -d nonsense other
## 240_networks
docker network create back
docker network create back
docker network create 'bad name'
docker network create host
docker network create -d nonsense other
docker network create --subnet nonsense other
docker network create --subnet 10.77.0.0/24 --gateway 10.78.0.1 other
docker network create --subnet 10.77.0.0/24 --ip-range 10.78.0.0/25 other
docker network create -d overlay --subnet 10.77.0.0/24 front | wc -c
docker network create -d overlay --subnet 10.77.0.0/24 front2
docker network create -d overlay front
docker network ls --format '{{.Name}} {{.Driver}} {{.Scope}}' | sort
docker network ls --filter driver=overlay --format '{{.Name}}' | sort
docker network ls --filter type=custom --format '{{.Name}}' | sort
docker network ls --filter scope=nonsense
docker network ls --filter bogus=1
docker network inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Attachable}} {{.Internal}} {{.Ingress}} {{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}' front
docker network inspect missing
docker network rm missing
docker network rm bridge
docker network rm host
docker run -d --name left --network back --network-alias here nginx:1.18 | wc -c
docker run --rm --network back nginx:1.18 sh -c 'getent hosts here left | wc -l'
docker run --rm --network front nginx:1.18 true
docker inspect -f '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}' left
docker network inspect -f '{{range .Containers}}{{.Name}} {{end}}' back
docker network rm back 2>&1 | sed 's/[0-9a-f]\{64\}/ID/'
docker network connect back left
docker network connect back missing
docker network connect missing left
docker network connect front left
docker network disconnect missing left
docker network disconnect bridge left
docker rm -f left
docker network rm back
sleep 1.1; docker events --since 1h --until 0s --filter type=network --filter network=back --format '{{.Action}}'
docker network prune -f
docker network rm front
## 250_stack
docker stack deploy -c /dev/null shop
docker stack deploy -c nowhere.yml shop
docker stack deploy --detach=true -c $COMPOSE shop | sort
docker stack ls
docker stack services --format '{{.Name}} {{.Mode}} {{.Image}} {{.Ports}}' shop | sort
docker stack services missing
docker stack ps missing
sleep 8; docker stack ps --format '{{.Name}} {{.Image}} {{.DesiredState}} {{.CurrentState}}' shop | sed 's/ [^ ]* [^ ]* ago//;s/ less than.*//;s/ about.*//' | sort
docker service inspect -f '{{.Spec.Labels}} {{.Spec.TaskTemplate.ContainerSpec.Labels}} {{.Spec.UpdateConfig.Parallelism}} {{.Spec.TaskTemplate.RestartPolicy.Condition}} {{.Spec.TaskTemplate.Placement.Constraints}}' shop_web
docker service inspect -f '{{json .Spec.EndpointSpec}} {{json .Spec.TaskTemplate.Resources}}' shop_web
docker network ls --filter label=com.docker.stack.namespace=shop --format '{{.Name}}'
docker secret ls --filter label=com.docker.stack.namespace=shop --format '{{.Name}}'
docker stack deploy --detach=true -c $COMPOSE shop | sort
docker stack rm --detach=true shop | sort
docker stack rm missing
sleep 1.1; docker events --since 1h --until 0s --filter type=secret --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}' | sort -u
sleep 6; docker stack ls
docker network ls --filter label=com.docker.stack.namespace=shop -q | wc -l
## 260_services
docker service create --detach -q --name talk --replicas 2 --label tier=front --env A=1 nginx:1.18 sh -c 'echo hello from $A; sleep 1000' | wc -c
sleep 4; docker service logs --raw talk
docker service logs --raw --tail 1 talk | wc -l
docker service logs missing
docker service logs talk --since nonsense
docker service ls --filter label=tier=front --format '{{.Name}} {{.Mode}} {{.Replicas}}'
docker service ls --filter mode=global -q | wc -l
docker service ls --filter name=tal --format '{{.Name}}'
docker service ls --filter bogus=1
docker service ls --format json | sed 's/"ID":"[^"]*"/"ID":"X"/'
docker service ps talk --filter desired-state=running --format '{{.Name}} {{.DesiredState}} {{.Error}}' | sort
docker service ps talk --filter desired-state=nonsense
docker service ps talk --filter bogus=1
docker service ps talk --filter node=nowhere -q | wc -l
docker service ps talk missing
docker service ps missing
docker node ls --filter role=manager --format '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}'
docker node ls --filter role=nonsense
docker node ls --filter membership=accepted -q | wc -l
docker node ls --filter bogus=1
docker node ps --filter name=talk --format '{{.Name}}' | sort
docker node inspect self -f '{{.Spec.Role}} {{.Status.State}} {{.ManagerStatus.Leader}}'
docker node inspect missing
docker node update --role nonsense node1
docker node update --availability nonsense node1
docker node update --label-add a=b --label-add c node1
docker node inspect -f '{{.Spec.Labels}}' self
docker node update --label-rm a --label-rm c node1
docker node update --label-rm nothere node1
docker service inspect -f '{{json .Spec.TaskTemplate.ContainerSpec}}' talk
docker service update --detach --env-add B=2 --env-rm A --label-add x=y --limit-memory 64M --constraint-add node.role==manager talk
docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Env}} {{.Spec.Labels}} {{json .Spec.TaskTemplate.Resources}} {{.Spec.TaskTemplate.Placement.Constraints}} {{.PreviousSpec.Labels}}' talk
docker service update --detach --network-add nowhere talk
docker service update --detach --publish-add 80:80 --publish-add 80:81 talk
docker service update --detach --replicas -1 talk
docker service update --detach --update-parallelism -1 talk
docker service update --detach --limit-memory nonsense talk
docker service update --detach --limit-cpu -1 talk
docker service update --detach --reserve-memory 1 talk
docker service update --detach --constraint-add nonsense talk
docker service update --detach --constraint-add 'node.role=~manager' talk
docker service update --detach --restart-condition nonsense talk
docker service update --detach --restart-delay -1s talk
docker service update --detach --update-order nonsense talk
docker service update --detach --update-failure-action nonsense talk
docker service update --detach --update-max-failure-ratio 2 talk
docker service update --detach --mount-add type=volume talk
docker service update --detach --mount-add type=bind,target=/x talk
docker service update --detach --hostname 'bad name' talk
docker service update --detach --placement-pref-add nonsense=x talk
docker service update --detach --endpoint-mode nonsense talk
docker service create --detach --name 'bad name' nginx:1.18
docker service create --detach --name talk nginx:1.18
docker service create --detach --name g1 --mode global --replicas 2 nginx:1.18
docker service create --detach --name g2 --mode nonsense nginx:1.18
docker service create --detach --name g3 --endpoint-mode dnsrr -p 8080:80 nginx:1.18
docker service create --detach --name g4 --mount type=volume,target=/x --mount type=volume,target=/x nginx:1.18
docker service create --detach --name g5 --network host -p 80:80 nginx:1.18
docker service create --detach --name g6 -p 70000:80 nginx:1.18
docker service create --detach --name g7 --env '=x' nginx:1.18
docker service create --detach --name g8 --user nobody --workdir relative nginx:1.18 | wc -c
docker service rm g8
docker service rm g5
sleep 1; docker service create --detach --name hosted --network host nginx:1.18 | wc -c
sleep 4; docker inspect -f '{{.HostConfig.NetworkMode}} {{.State.Status}}' $(docker ps -qf name=hosted)
docker service inspect -f '{{json .Spec.TaskTemplate.Networks}} {{json .Endpoint.VirtualIPs}}' hosted | sed 's/"[0-9a-z]\{25\}"/"host"/'
docker service rm hosted
docker service rollback --detach talk
docker service inspect -f '{{.Spec.TaskTemplate.ContainerSpec.Env}} {{.Spec.Labels}}' talk
docker service scale --detach talk=1 missing=2
docker service scale talk
docker service scale talk=x
docker service rm talk missing
## 270_jobs
docker service create --name job --mode replicated-job --replicas 3 --max-concurrent 3 nginx:1.18 sh -c 'echo done; sleep 1' | tail -n 1
docker service ls --filter name=job --format '{{.Name}} {{.Mode}} {{.Replicas}}'
docker service ps job --format '{{.Name}} {{.DesiredState}} {{.CurrentState}}' | sed 's/\.[0-9a-z]\{25\}/.ID/;s/ [^ ]* [^ ]* ago//;s/ [Ll]ess than.*//;s/ [Aa]bout.*//' | sort
docker service inspect -f '{{json .Spec.Mode}}' job
docker service scale --detach job=5
docker service update --detach --update-parallelism 2 job
docker service rollback --detach job
docker service rm job
docker service create --name gjob --mode global-job nginx:1.18 true | tail -n 1
docker service ls --filter name=gjob --format '{{.Name}} {{.Mode}} {{.Replicas}}'
docker service create --detach --name bad --mode global-job --replicas 2 nginx:1.18 true
docker service create --detach --name bad --mode replicated-job -p 80:80 --update-delay 1s nginx:1.18 true
docker service rm gjob bad
## 280_system
docker info -f '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.Nodes}} {{.Swarm.Managers}} {{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}}'
docker system df --format '{{.Type}} {{.Active}}' | grep -v 'Build Cache'
sleep 1.1; docker events --since 1h --until 0s --filter type=service --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}' | grep -E ' (talk|job)$' | sort -u
sleep 1.1; docker events --since 1h --until 0s --filter type=volume --filter volume=data --format '{{.Action}}' | sort | uniq
docker events --since nonsense --until 0s | wc -l
docker events --since 0s --until 0s --filter bogus=1 | wc -l
docker swarm update --task-history-limit 3 --dispatcher-heartbeat 6s --cert-expiry 48h
docker info -f '{{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}} {{.Swarm.Cluster.Spec.Dispatcher.HeartbeatPeriod}} {{.Swarm.Cluster.Spec.CAConfig.NodeCertExpiry}}'
docker swarm update --cert-expiry 1m
docker swarm update --dispatcher-heartbeat -1s
docker swarm update --autolock | sed 's/SWMKEY[^ ]*/KEY/'
docker swarm unlock-key -q | cut -c 1-9
docker swarm unlock-key --rotate -q | cut -c 1-9
docker swarm update --autolock=false
docker swarm unlock-key
docker swarm unlock < /dev/null
docker swarm ca --rotate -q | head -n 1
docker swarm ca --cert-expiry 1h
docker swarm ca --rotate --ca-cert /nowhere
docker swarm join-token nonsense
docker swarm join-token --rotate -q worker | cut -c 1-9
docker swarm leave
docker plugin ls
docker builder prune -f
docker commit missing x
