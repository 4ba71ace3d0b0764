"""Owns our nft table as it was last written: changes it by the difference, and notices if somebody else did. Must not
know what the rules mean (`ingress`) nor how nft is run (`firewall`).
"""

from __future__ import annotations

from swarmkit_py.network.firewall import Firewall, TooLong
from swarmkit_py.network.ingress import Ruleset, changes

PIECE = 25
"""Ports in one transaction, where all at once do not fit."""
FOREIGN = Ruleset("# not as we wrote it")


class Table:
    """Our table in the kernel. Blocking."""

    def __init__(self, firewall: Firewall) -> None:
        self._firewall = firewall
        self._written: Ruleset | None = None
        self._listing = ""

    def put(self, ruleset: Ruleset) -> None:
        """Make it so in one transaction, or, for a table too large for one, in several that each leave every port
        either whole or not there yet. Raises errors.Internal."""
        before, self._written = self._written, None
        try:
            if before and before.base == ruleset.base:
                self._firewall.run(changes(before.forwards, ruleset.forwards))
            else:
                self._firewall.run(ruleset.text())
        except TooLong:
            self._put_in_pieces(ruleset)
        self._written, self._listing = ruleset, self._firewall.listing()

    def current(self) -> Ruleset:
        """What was written, if the kernel still has exactly that; else a ruleset that equals no wanted one."""
        if self._written is None or self._firewall.listing() != self._listing:
            self._written = None
            return FOREIGN
        return self._written

    def _put_in_pieces(self, ruleset: Ruleset) -> None:
        self._firewall.run(Ruleset(ruleset.base).text())
        for start in range(0, len(ruleset.forwards), PIECE):
            self._firewall.run(changes((), ruleset.forwards[start:start + PIECE]))
