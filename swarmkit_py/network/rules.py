"""Owns the shape of one nft table: a fixed text and parts that come and go one by one. Pure. Must not know what the
parts are for (`ingress`: published ports, `balance`: virtual addresses) nor how the text reaches the kernel.

Counterpart: none in moby, which adds and removes single iptables rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from swarmkit_py.network.firewall import TABLE


class Part(Protocol):
    """A value, compared by value. `opening` and `closing` are statements for `nft -f`; one transaction may close a
    part and open another of the same name: no packet ever meets neither."""

    @property
    def name(self) -> str: ...

    def opening(self) -> str: ...

    def closing(self) -> str: ...

    def leads_to(self, protocol: str) -> Iterable[str]:
        """The addresses it sends connections of this protocol to."""


@dataclass(frozen=True)
class Ruleset:
    """The table: `base` is the text of all that does not depend on the parts."""

    base: str = ""
    parts: tuple[Part, ...] = ()

    def text(self, *, replacing: bool = True) -> str:
        """The whole of it for `nft -f`, in the place of the table that there is."""
        # Deleting makes the kernel wait until no packet is in the old table, 4 to 20 ms: for nothing in a new one.
        old = f"add table inet {TABLE}\ndelete table inet {TABLE}\n" if replacing else ""
        return old + self.base + changes((), self.parts)


@dataclass(frozen=True)
class Member:
    """A part that is one element of a named set."""

    set: str
    element: str

    @property
    def name(self) -> str:
        """See Part."""
        return f"{self.set} {self.element}"

    def opening(self) -> str:
        """See Part."""
        return f"add element inet {TABLE} {self.set} {{ {self.element} }}"

    def closing(self) -> str:
        """See Part."""
        return f"delete element inet {TABLE} {self.set} {{ {self.element} }}"

    def leads_to(self, protocol: str) -> Iterable[str]:
        """See Part."""
        return ()


def changes(old: Iterable[Part], new: Iterable[Part]) -> str:
    """What turns the parts of a loaded table into others: costs what changed, and the balancers of all other parts
    keep their turn."""
    before, after = {part.name: part for part in old}, {part.name: part for part in new}
    gone = [part for name, part in before.items() if after.get(name) != part]
    come = [part for name, part in after.items() if before.get(name) != part]
    return "".join(line + "\n" for line in (*(p.closing() for p in gone), *(p.opening() for p in come)))


def table(*contents: str) -> str:
    """The base text of a table of these chains, sets and maps."""
    return f"table inet {TABLE} {{\n" + "".join(contents) + "}\n"


def chain(name: str, hook: str, rules: Sequence[str]) -> str:
    """A base chain."""
    lines = [f"type {hook}; policy accept;", *rules]
    return "\n".join([f"  chain {name} {{", *(f"    {line}" for line in lines), "  }", ""])
