"""Owns the words for a foreign change that was mended: on which network, and what. Pure. Must not know who listens.

Counterpart: none in moby, which does not look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from swarmkit_py.network.names import DOCKER0, GWBRIDGE, bridge_of
from swarmkit_py.network.reconcile import AddLink, ChangeLink, DeleteLinks, Drop, Operation, Put, PutRuleset, Replug
from swarmkit_py.network.state import HOST, KernelState, LinkKey
from swarmkit_py.network.wanted import Inputs

MANY = 20
"""Repairs told one by one: a namespace that was emptied has hundreds."""


@dataclass(frozen=True)
class Repair:
    """`network_id` is "" (and `network` the link's name, or "") for what is no network's own."""

    network_id: str
    network: str
    driver: str
    what: str


Listener = Callable[[Repair], None]


def repairs(operations: Iterable[Operation], inputs: Inputs, wanted: KernelState) -> Iterator[Repair]:
    """One for each of the first operations, and one that counts the others."""
    done = list(operations)
    places = _places(inputs)
    for operation in done[:MANY]:
        yield _repair(operation, wanted, places)
    if len(done) > MANY:
        yield Repair("", "", "", f"and {len(done) - MANY} things more")


def _places(inputs: Inputs) -> dict[LinkKey, tuple[str, str, str]]:
    """(id, name, driver) of the network behind each bridge."""
    found = {LinkKey(HOST, DOCKER0.name): ("", "bridge", "bridge"), LinkKey(HOST, GWBRIDGE.name): (
        "", GWBRIDGE.name, "bridge")}
    for network in inputs.networks.values():
        found[LinkKey(inputs.namespace(network), bridge_of(network))] = network.id, network.name, "overlay"
    for local in inputs.bridges.values():
        found[LinkKey(HOST, local.bridge)] = local.id, local.name, "bridge"
    return found


def _repair(operation: Operation, wanted: KernelState, places: dict[LinkKey, tuple[str, str, str]]) -> Repair:
    for key in _links(operation, wanted):
        link = wanted.links.get(key)
        bridge = LinkKey(key.namespace, link.master) if link is not None and link.master else key
        if bridge in places:
            return Repair(*places[bridge], what=str(operation))
    namespace = getattr(operation, "namespace", "") or getattr(operation, "path", "")
    inside = next((place for bridge, place in places.items() if namespace and bridge.namespace == namespace),
                  ("", "", ""))
    return Repair(*inside, what=str(operation))


def _links(operation: Operation, wanted: KernelState) -> list[LinkKey]:
    """The links here that it is about."""
    if isinstance(operation, (AddLink, ChangeLink)):
        return [operation.key]
    if isinstance(operation, DeleteLinks):
        return [LinkKey(operation.namespace, name) for name in operation.names]
    if isinstance(operation, Replug):
        return [key for key, plug in wanted.plugs.items() if plug == operation.plug]
    if isinstance(operation, (Put, Drop)) and (name := getattr(operation.key, "link", "")):
        outside = [key for key, plug in wanted.plugs.items()
                   if (plug.path, plug.name) == (operation.key.namespace, name)]
        return outside or [LinkKey(operation.key.namespace, name)]
    if isinstance(operation, PutRuleset):
        return [key for key, plug in wanted.plugs.items() if operation.owner and plug.path == operation.namespace][:1]
    return []
