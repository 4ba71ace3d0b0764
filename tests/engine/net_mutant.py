"""`swarmd` as it is, but for one mistake in its network, named by a file on its host: what `test_kernels_agree` has
to notice. Without the file it makes none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from swarmkit_py.network import controller, directory, reconcile, wanted
from swarmkit_py.network.balance import Balance
from swarmkit_py.network.rules import Ruleset
from swarmkit_py.network.state import FdbKey
from swarmkit_py.node import *  # noqa: F403 - the daemon's own names

FILE = Path("/run/mistake")
MISTAKES = ("keeps a forwarding entry", "keeps a name", "keeps a backend", "wants a peer too little")


def makes(mistake: str) -> bool:
    try:
        return FILE.read_text() == mistake
    except OSError:
        return False


def _keep_forwarding(drop: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def mutant(*args: Any) -> Iterator[Any]:
        return (operation for operation in drop(*args)
                if not (isinstance(operation.key, FdbKey) and makes(MISTAKES[0])))

    return mutant


class Directory(directory.Directory):
    """Names stay known where they were known once."""

    _old: dict[str, dict[str, list[str]]] = {}  # noqa: RUF012 - of the process, which is what is wrong with it

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for id_, zone in self._zones.items():
            if makes(MISTAKES[1]):
                zone.names = {**self._old.get(id_, {}), **zone.names}
            self._old[id_] = dict(zone.names)


def _keep_backends(balancer: Callable[..., Ruleset]) -> Callable[..., Ruleset]:
    old: dict[str, set[str]] = {}

    def mutant(records: Iterable[Any], *more: Any) -> Ruleset:
        made = balancer(records, *more)
        if not makes(MISTAKES[2]):
            return made
        parts = []
        for part in made.parts:
            if isinstance(part, Balance):
                old.setdefault(part.vip, set()).update(part.backends)
                part = Balance(part.vip, tuple(sorted(old[part.vip])))  # noqa: PLW2901
            parts.append(part)
        return Ruleset(made.base, tuple(parts))

    return mutant


def _forget_a_peer(state: Callable[..., Any]) -> Callable[..., Any]:
    def mutant(inputs: Any) -> Any:
        made = state(inputs)
        return _without_the_last(made) if makes(MISTAKES[3]) else made

    return mutant


def _without_the_last(made: Any) -> Any:
    remote = [key for key in made.fdb if key.table == "vxlan" and key.namespace]
    fdb: Mapping[FdbKey, str] = {key: value for key, value in made.fdb.items() if key not in remote[-1:]}
    return wanted.KernelState(**{**{name: getattr(made, name) for name in made.__dataclass_fields__}, "fdb": fdb})


reconcile._drop_facts = _keep_forwarding(reconcile._drop_facts)
controller.Directory = Directory  # type: ignore[misc]
wanted.balancer = _keep_backends(wanted.balancer)
controller.wanted_state = _forget_a_peer(controller.wanted_state)
