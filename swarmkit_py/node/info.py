"""Owns what `docker info` says of membership, as values. Pure. Counterpart: moby/daemon/cluster/swarm.go (Info)."""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.docker_api.backend import RemoteManager, SwarmInfo


def not_a_member(state: str, error: str, addr: str, asked: Iterable[str]) -> SwarmInfo:
    """Of a node outside a swarm; `asked`: the managers it is still trying to join."""
    return SwarmInfo(local_node_state=state, error=error, node_addr=addr,
                     remote_managers=remote_managers(("", address) for address in asked))


def remote_managers(managers: Iterable[tuple[str, str]]) -> list[RemoteManager]:
    """(node id, `host:port`) of each manager."""
    return [RemoteManager(node_id=node_id, addr=addr) for node_id, addr in managers]
