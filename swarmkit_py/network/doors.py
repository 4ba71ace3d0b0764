"""Owns the doors to the kernel, one set for each namespace: a netlink conversation kept open, and our nft table.
Used from the one worker thread. Must not know what goes through them.

Counterpart: moby/libnetwork/osl, which keeps a netlink handle for each sandbox.
"""

from __future__ import annotations

from swarmkit_py.network import namespaces
from swarmkit_py.network.firewall import Firewall
from swarmkit_py.network.netlink import Netlink
from swarmkit_py.network.rules import Ruleset
from swarmkit_py.network.state import HOST
from swarmkit_py.network.table import Table


class Doors:
    """Opened when first asked for. `drop` before a namespace is removed: an open socket would keep it alive."""

    def __init__(self) -> None:
        self._netlinks: dict[str, Netlink] = {HOST: Netlink()}
        self._tables: dict[str, Table] = {HOST: Table(Firewall())}
        self._listings: dict[Ruleset, str] = {}

    def netlink(self, namespace: str) -> Netlink:
        """The conversation with a namespace, usable from any thread. Raises errors.NotFound."""
        if namespace not in self._netlinks:
            self._netlinks[namespace] = namespaces.inside(namespace, Netlink)
        return self._netlinks[namespace]

    def table(self, namespace: str, *, shared: bool) -> Table:
        """Our table there. `shared`: a container lives there too, and may have tables of its own."""
        if namespace not in self._tables:
            listings = self._listings if shared else None
            self._tables[namespace] = Table(Firewall(), sole=not shared, listings=listings)
        return self._tables[namespace]

    def drop(self, namespace: str) -> None:
        """Let go of a namespace. Idempotent."""
        self._tables.pop(namespace, None)
        if netlink := self._netlinks.pop(namespace, None):
            netlink.close()

    def close(self) -> None:
        for namespace in list(self._netlinks):
            self.drop(namespace)
