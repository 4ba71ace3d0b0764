"""Owns one node's dealings with its kernel: compares, applies, remembers what it last made so. Blocking; everything
here runs in the controller's one worker thread. Must not know who asked.

The remembered state makes a change cost what the change is; a full look (`differences`, `repair`) is what the timer
takes. After any failure the memory is dropped and the next change starts with a full look.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.network import namespaces
from swarmkit_py.network.apply import apply, owner_of
from swarmkit_py.network.conntrack import forget
from swarmkit_py.network.doors import Doors
from swarmkit_py.network.observe import inside_faults, observe, pins, unpinned, ways_back
from swarmkit_py.network.reconcile import Operation, diff
from swarmkit_py.network.state import HOST, KernelState, addresses, backends, merge


class Kernel:
    """Brings the kernel of this namespace to a wanted state. Sandboxes are pinned in one directory, networks in the
    other."""

    def __init__(self, sandboxes: Path, networks: Path) -> None:
        self._sandboxes, self._networks = sandboxes, networks
        sandboxes.mkdir(parents=True, exist_ok=True)
        networks.mkdir(parents=True, exist_ok=True)
        self._doors = Doors()
        self._known: KernelState | None = None
        self._unfinished: set[str] = set()
        """Whose operations (`apply.owner_of`) may still be to be done by us, whatever the kernel looks like."""

        self._left: dict[str, set[str]] = {}

    def close(self) -> None:
        self._doors.close()

    def take_left(self) -> dict[str, set[str]]:
        """By namespace the addresses that its balancers no longer lead TCP connections to, since the last call."""
        left, self._left = self._left, {}
        return left

    def look(self, wanted: KernelState, visit: Collection[str] | None = None) -> KernelState:
        """What there is of ours; of the wanted state it takes what to look for. `visit` are the paths of the
        sandboxes to look into (None: all); the insides of others are taken to be as wanted."""
        sandboxes = _alive(pins(self._sandboxes), wanted.sandboxes)
        networks = _alive(pins(self._networks), wanted.networks)
        there = [path for path in networks.values() if namespaces.pinned(Path(path))]
        parts = [self._observe(namespace, wanted) for namespace in (HOST, *there)]
        inside = [self._look_inside(path, wanted, visit is None or path in visit)
                  for id_, path in sandboxes.items() if id_ in wanted.sandboxes]
        return merge([KernelState(sandboxes=sandboxes, networks=networks), *parts, *inside])

    def adopt(self, source: str, path: Path) -> None:
        """Pin the namespace at `source` as a sandbox of ours. What is in it is looked at with the next change."""
        namespaces.adopt(source, path)
        self._known = None
        self._unfinished |= {path.name, str(path)}

    def differences(self, wanted: KernelState) -> list[Operation]:
        """What the kernel lacks or has too much, as the operations that would mend it."""
        return diff(wanted, self.look(wanted))

    def reach(self, wanted: KernelState) -> dict[str, errors.SwarmError]:
        """Make it so. Returns failures by sandbox id or network's path ("" for what is shared). Raises
        errors.FailedPrecondition."""
        actual = self._known or self.look(wanted)
        self._known = None
        self._unfinished = {HOST, *wanted.sandboxes, *wanted.sandboxes.values(), *wanted.networks.values(),
                            *actual.sandboxes, *actual.sandboxes.values(), *actual.networks.values()}
        failures = apply(diff(wanted, actual), self._doors)
        self._unfinished = set(failures)
        for namespace in (HOST, *wanted.networks.values()):
            _forget_gone(namespace, wanted, actual)
            if left := backends(actual, namespace, "tcp") - backends(wanted, namespace, "tcp"):
                self._left.setdefault(namespace, set()).update(left)
        if not failures:
            self._known = wanted
        return failures

    def repair(
        self, wanted: KernelState, visit: Collection[str] | None = None
    ) -> tuple[list[Operation], dict[str, errors.SwarmError]]:
        """Compare with what the kernel really has, and mend it. `visit` as in `look`. Returns what was mended of what
        somebody else changed, and what failed. What is asked of us and not done yet is done first, and what failed
        before is tried again: neither is foreign."""
        if self._known is not None:
            self.reach(wanted)
        ours = self._unfinished
        self._known = self.look(wanted, visit)
        found = diff(wanted, self._known)
        return [operation for operation in found if owner_of(operation) not in ours], self.reach(wanted)

    def _observe(self, namespace: str, wanted: KernelState) -> KernelState:
        def look() -> KernelState:
            found = observe(self._doors.netlink(namespace), namespace, wanted.settings)
            return replace(found, rulesets={namespace: self._doors.table(namespace, shared=False).current()})

        return namespaces.inside(namespace, look)

    def _look_inside(self, path: str, wanted: KernelState, visit: bool) -> KernelState:
        rules = wanted.rulesets.get(path)
        returns = frozenset(key for key in wanted.returns if key.namespace == path)
        if not visit:
            return KernelState(rulesets={path: rules} if rules else {}, returns=returns)

        def look() -> KernelState:
            plugs = {key: plug for key, plug in wanted.plugs.items() if plug.path == path}
            current = {path: self._doors.table(path, shared=True).current()} if rules else {}
            return KernelState(faults=inside_faults(plugs), rulesets=current,
                               returns=ways_back(path) if returns else frozenset())

        return namespaces.inside(path, look)


def _alive(found: dict[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """Without those that are wanted, but no namespaces (any more): they are to be made anew."""
    dead = set(unpinned(found.values()))
    return {id_: path for id_, path in found.items() if path not in dead or id_ not in wanted}


def forget_idle(left: Mapping[str, Collection[str]]) -> None:
    """Who asked a task that has left, and got no answer, is led elsewhere with the next try; so is who uses the port
    of a finished connection again. `left`: see `Kernel.take_left`."""
    for namespace, addresses_ in left.items():
        forget(addresses_, [socket.IPPROTO_TCP], namespace, idle=True)


def _forget_gone(namespace: str, wanted: KernelState, actual: KernelState) -> None:
    """Connections to tasks that are gone, and UDP flows to tasks that serve no more."""
    if gone := addresses(actual, namespace) - addresses(wanted, namespace):
        forget(gone, namespace=namespace)
    if left := backends(actual, namespace, "udp") - backends(wanted, namespace, "udp"):
        forget(left, [socket.IPPROTO_UDP], namespace)
