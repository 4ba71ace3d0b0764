"""Owns what is cleared away of a swarm's tasks where no agent could be started to do it.

Counterpart: moby/daemon/cluster/cluster.go (cleanup after leave).
"""

from __future__ import annotations

import logging

from swarmkit_py.agent.container_spec import NODE_LABEL
from swarmkit_py.errors import SwarmError
from swarmkit_py.network.base import NodeNetwork
from swarmkit_py.runtime.base import ContainerEngine

log = logging.getLogger(__name__)


async def remove_tasks(engine: ContainerEngine, network: NodeNetwork) -> None:
    """All containers of tasks, and their networks."""
    for container in [c for c in engine.all() if NODE_LABEL in c.config.labels]:
        try:
            await engine.remove(container.id, force=True)
        except SwarmError as error:
            log.warning("container %s not removed: %s", container.name, error)
    await network.reset()
