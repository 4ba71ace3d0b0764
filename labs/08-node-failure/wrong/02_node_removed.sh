# expect: node_removed
# Off, and thrown out of the swarm.
@outside
lab host {dead} poweroff
@manager1
docker node rm --force {dead}
