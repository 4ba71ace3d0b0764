"""Owns how many managers a swarm can do without. Pure. Counterpart: CanRemoveMember in manager/state/raft/raft.go."""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.model.objects import Node

REACHABLE, UNREACHABLE = "reachable", "unreachable"


def members_of(nodes: Iterable[Node]) -> list[Node]:
    """The nodes that have a vote."""
    return [node for node in nodes if node.manager_status is not None]


def reachable(node: Node) -> bool:
    return node.manager_status is not None and node.manager_status.reachability == REACHABLE


def may_lose(nodes: Iterable[Node], node_id: str) -> bool:
    """True if the managers that can be reached without this one are more than half of those there are then."""
    members = members_of(nodes)
    if all(node.id != node_id for node in members):
        return True  # it has no vote
    left = [node for node in members if node.id != node_id]
    return bool(left) and sum(map(reachable, left)) >= len(left) // 2 + 1


def tolerates(managers: int) -> int:
    """How many of so many managers may fail."""
    return (managers - 1) // 2


def warnings(nodes: Iterable[Node]) -> list[str]:
    """What is to be said before it is too late; the first is about the number, the second about those there are."""
    members = members_of(nodes)
    count, up = len(members), sum(map(reachable, members))
    found = []
    if count > 1 and count % 2 == 0:
        found.append(f"WARNING: {count} managers may lose {tolerates(count)} of them, as {count - 1} may: "
                     "an odd number is safer (docker node promote, docker node demote)")
    if up < count and up <= count // 2 + 1:
        found.append(f"WARNING: {up} of {count} managers can be reached: if one more is lost, the swarm cannot be "
                     "changed any more; bring one back, or demote and remove the one that is lost")
    return found
