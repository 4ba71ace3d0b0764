"""Owns our nft table as it was last written: changes it by the difference, and notices if somebody else did. Must not
know what the rules mean (`ingress`) nor how nft is run (`firewall`).
"""

from __future__ import annotations

from swarmkit_py.network.firewall import Firewall, TooLong
from swarmkit_py.network.rules import Ruleset, changes

PIECE = 25
"""Parts in one transaction, where all at once do not fit."""
FOREIGN = Ruleset("# not as we wrote it")


class Table:
    """Our table in one namespace, which the calling thread must be in. Blocking. `sole`: nobody else has any business
    with that namespace's firewall, so whatever changed there is foreign. `listings` remembers what a ruleset looks
    like once it is loaded, for several tables of the same kind."""

    def __init__(
        self, firewall: Firewall, *, sole: bool = False, listings: dict[Ruleset, str] | None = None
    ) -> None:
        self._firewall = firewall
        self._sole, self._listings = sole, listings
        self._written: Ruleset | None = None
        self._generation, self._listing = 0, ""

    def put(self, ruleset: Ruleset) -> None:
        """Make it so in one transaction, or, for a table too large for one, in several that each leave every part
        either whole or not there yet. Raises errors.Internal."""
        before, self._written = self._written, None
        expected = self._firewall.generation() + 1
        same = before is not None and before.base == ruleset.base
        text = changes(before.parts, ruleset.parts) if before and same else ruleset.text(
            replacing=bool(self._firewall.listing()))
        try:
            if text:
                self._firewall.run(text)
            else:
                expected -= 1
        except TooLong:
            expected += self._put_in_pieces(ruleset)
        self._written, self._generation = ruleset, expected
        if not self._sole:
            self._listing = self._look(ruleset)

    def current(self) -> Ruleset:
        """What was written, if the kernel still has exactly that; else a ruleset that equals no wanted one."""
        generation = self._firewall.generation()
        if self._written is None or generation != self._generation and (
                self._sole or self._firewall.listing() != self._listing):
            self._written = None
            return FOREIGN
        self._generation = generation
        return self._written

    def _look(self, ruleset: Ruleset) -> str:
        if self._listings is None:
            return self._firewall.listing()
        if ruleset not in self._listings:
            self._listings[ruleset] = self._firewall.listing()
        return self._listings[ruleset]

    def _put_in_pieces(self, ruleset: Ruleset) -> int:
        """Returns how many transactions it took more than one."""
        self._firewall.run(Ruleset(ruleset.base).text())
        starts = range(0, len(ruleset.parts), PIECE)
        for start in starts:
            self._firewall.run(changes((), ruleset.parts[start:start + PIECE]))
        return len(starts)
