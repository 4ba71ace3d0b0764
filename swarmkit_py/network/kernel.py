"""Owns one node's dealings with its kernel: compares, applies, remembers what it last made so. Blocking; everything
here runs in the controller's one worker thread. Must not know who asked.

The remembered state makes a change cost what the change is; a full look (`differences`, `repair`) is what the timer
takes. After any failure the memory is dropped and the next change starts with a full look.
"""

from __future__ import annotations

import socket
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.network import namespaces
from swarmkit_py.network.apply import apply
from swarmkit_py.network.conntrack import forget
from swarmkit_py.network.firewall import Firewall
from swarmkit_py.network.netlink import Netlink
from swarmkit_py.network.observe import observe, pinned_sandboxes, unpinned
from swarmkit_py.network.reconcile import Operation, diff
from swarmkit_py.network.state import HOST, KernelState, addresses, backends
from swarmkit_py.network.table import Table


class Kernel:
    """Brings the kernel of this namespace to a wanted state. `directory` is where sandboxes are pinned."""

    def __init__(self, directory: Path) -> None:
        self._namespaces = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._netlink = Netlink()
        self._table = Table(Firewall())
        self._known: KernelState | None = None

    def close(self) -> None:
        self._netlink.close()

    def look(self, wanted: KernelState) -> KernelState:
        """What there is of ours; the wanted state only says which sysctls to read."""
        found = pinned_sandboxes(self._namespaces)
        dead = set(unpinned(found.values()))
        alive = {id_: path for id_, path in found.items() if path not in dead or id_ not in wanted.sandboxes}
        return observe(self._netlink, HOST, wanted.settings, alive, self._table.current())

    def adopt(self, source: str, path: Path) -> None:
        """Pin the namespace at `source` as a sandbox of ours. What is in it is looked at with the next change."""
        namespaces.adopt(source, path)
        self._known = None

    def differences(self, wanted: KernelState) -> list[Operation]:
        """What the kernel lacks or has too much, as the operations that would mend it."""
        return diff(wanted, self.look(wanted))

    def reach(self, wanted: KernelState) -> dict[str, errors.SwarmError]:
        """Make it so. Returns failures by sandbox id ("" for what is shared). Raises errors.FailedPrecondition."""
        actual = self._known or self.look(wanted)
        self._known = None
        failures = apply(diff(wanted, actual), self._netlink, self._table)
        if gone := addresses(actual) - addresses(wanted):
            forget(gone)
        if left := backends(actual, "udp") - backends(wanted, "udp"):
            forget(left, [socket.IPPROTO_UDP])
        if not failures:
            self._known = wanted
        return failures

    def repair(self, wanted: KernelState) -> tuple[list[Operation], dict[str, errors.SwarmError]]:
        """Compare with what the kernel really has, and mend it. Returns what was mended and what failed."""
        self._known = self.look(wanted)
        return diff(wanted, self._known), self.reach(wanted)
