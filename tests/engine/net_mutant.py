"""`swarmd` as it is, but for one mistake in its network, named by a file on its host: what `test_kernels_agree` has
to notice. Without the file it makes none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from swarmkit_py.network import controller, directory, reconcile, wanted
from swarmkit_py.network.balance import Balance
from swarmkit_py.network.rules import Ruleset
from swarmkit_py.network.state import FdbKey
from swarmkit_py.node import *  # noqa: F403 - the daemon's own names

FILE = Path("/run/mistake")
MISTAKES = {
    "keeps a forwarding entry": "after a change: forwarding to nodes",
    "keeps a name": "after a change: names: wanted",
    "keeps a backend": "after a change: virtual addresses",
    "wants a peer too little": "forwarding to nodes",
    "wants no neighbour of IPv6": "neighbours",
    "publishes no port of a host": "published ports",
    "hides every client": "who sees clients",
    "knows no way back": "ways back",
    "keeps a port on IPv6": "after a change: open on IPv6",
}
"""Each with what is said of it; some show only after a change."""


def makes(mistake: str) -> bool:
    try:
        return FILE.read_text() == mistake
    except OSError:
        return False


def _keep_forwarding(drop: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def mutant(*args: Any) -> Iterator[Any]:
        return (operation for operation in drop(*args)
                if not (isinstance(operation.key, FdbKey) and makes("keeps a forwarding entry")))

    return mutant


class Directory(directory.Directory):
    """Names stay known where they were known once."""

    _old: dict[str, dict[str, list[str]]] = {}  # noqa: RUF012 - of the process, which is what is wrong with it

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for id_, zone in self._zones.items():
            if makes("keeps a name"):
                zone.names = {**self._old.get(id_, {}), **zone.names}
            self._old[id_] = dict(zone.names)


def _keep_backends(balancer: Callable[..., Ruleset]) -> Callable[..., Ruleset]:
    old: dict[str, set[str]] = {}

    def mutant(records: Iterable[Any], *more: Any) -> Ruleset:
        made = balancer(records, *more)
        if not makes("keeps a backend"):
            return made
        parts = []
        for part in made.parts:
            if isinstance(part, Balance):
                old.setdefault(part.vip, set()).update(part.backends)
                part = Balance(part.vip, tuple(sorted(old[part.vip])))  # noqa: PLW2901
            parts.append(part)
        return Ruleset(made.base, tuple(parts))

    return mutant


def _wrong(state: Callable[..., Any]) -> Callable[..., Any]:
    """All mistakes in what is wanted."""

    def mutant(inputs: Any) -> Any:
        made = state(inputs)
        if makes("wants a peer too little"):
            remote = [key for key in made.fdb if key.table == "vxlan" and key.namespace]
            return replace(made, fdb={key: value for key, value in made.fdb.items() if key not in remote[-1:]})
        if makes("wants no neighbour of IPv6"):
            return replace(made, neighbours={k: v for k, v in made.neighbours.items() if ":" not in k.address})
        return replace(made, returns=frozenset()) if makes("knows no way back") else made

    return mutant


def _lose_host_ports(forwards: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(inputs: Any) -> Any:
        made = forwards(inputs)
        gone = makes("publishes no port of a host")
        return [f for f in made if not (gone and f.backends and f.backends[0][0].startswith("172.18."))]

    return mutant


def _hide(ruleset: Callable[..., Ruleset]) -> Callable[..., Ruleset]:
    def mutant(forwards: Any, gateways: Any, overlays: Any, ports: Any = (), kept: Any = (), *more: Any) -> Ruleset:
        return ruleset(forwards, gateways, overlays, ports, () if makes("hides every client") else kept, *more)

    return mutant


def _keep_doors(serve: Callable[..., None]) -> Callable[..., None]:
    def mutant(self: Any, ports: Any) -> None:
        serve(self, {*ports, *(self._doors if makes("keeps a port on IPv6") else ())})

    return mutant


reconcile._drop_facts = _keep_forwarding(reconcile._drop_facts)
controller.Directory = Directory  # type: ignore[misc]
wanted.balancer = _keep_backends(wanted.balancer)
wanted.forwards = _lose_host_ports(wanted.forwards)
wanted.ruleset = _hide(wanted.ruleset)
controller.Proxy.serve = _keep_doors(controller.Proxy.serve)  # type: ignore[method-assign]
controller.wanted_state = _wrong(controller.wanted_state)
