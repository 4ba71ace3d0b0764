"""Owns Docker's own sentences about membership. Source: moby/daemon/cluster/errors.go, swarm.go; golden answers."""

from __future__ import annotations

from swarmkit_py.manager.quorum import members_of, reachable
from swarmkit_py.model.objects import Node

NO_SWARM = "This node is not part of a swarm"
ALREADY_MEMBER = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
NOT_MANAGER_NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm '
    "and try again."
)
NOT_MANAGER_WORKER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run this "
    "command on a manager node or promote the current node to a manager."
)
LOCKED = (
    "Swarm is encrypted and needs to be unlocked before it can be used. "
    'Please use "docker swarm unlock" to unlock it.'
)
LOCKED_LEAVE = "Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message."
NOT_LOCKED = "swarm is not locked"
JOIN_TIMEOUT = (
    "Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the "
    '"docker info" command to see the current swarm status of your node.'
)
MANAGER_LEAVES = "You are attempting to leave the swarm on a node that is participating as a manager. "
LAST_MANAGER_LEAVES = (
    MANAGER_LEAVES + "Removing the last manager erases all current state of the swarm. Use `--force` to ignore this "
    "message. "
)


def manager_leaves(nodes: list[Node] | None, node_id: str) -> str:
    """Why a manager is not to leave just so, by what is known of the others (None: nothing)."""
    if nodes is None:
        return MANAGER_LEAVES + "Doing so may lose the consensus of your cluster. " + _NO_WAY_BACK
    members = members_of(nodes)
    up = sum(map(reachable, members))
    if len(members) == 1:
        return LAST_MANAGER_LEAVES
    lost = up - 2 <= len(members) - up and any(node.id == node_id for node in members)
    left = f"Removing this node leaves {up - 1} managers out of {len(members)}. " if lost else ""
    return MANAGER_LEAVES + left + (_NO_QUORUM if lost else "") + _NO_WAY_BACK


_NO_QUORUM = "Without a Raft quorum your swarm will be inaccessible. "
_NO_WAY_BACK = (
    "The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use "
    "`--force` to suppress this message."
)
