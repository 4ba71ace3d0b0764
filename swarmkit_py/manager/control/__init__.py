"""The Docker verbs on the store: what `docker service`, `docker node`, `docker swarm update` come to."""

from swarmkit_py.manager.control.control import Control
from swarmkit_py.manager.control.logs import LogBroker
from swarmkit_py.manager.control.seed import ClusterSeed, seed_cluster

__all__ = ["ClusterSeed", "Control", "LogBroker", "seed_cluster"]
