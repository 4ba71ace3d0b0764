"""Owns the cables between Mininet nodes: veth pairs made from outside both ends.

Mininet lets one node's shell make the pair and name the other end by pid; our hosts have pid namespaces, where that
pid means nothing.
"""

from __future__ import annotations

import subprocess
from typing import Any

from mininet.link import Link


class Cable(Link):  # type: ignore[misc]
    """A veth pair, made by the supervisor straight into both network namespaces."""

    @classmethod
    def makeIntfPair(
        cls, intfname1: str, intfname2: str, addr1: str | None = None, addr2: str | None = None,
        node1: Any = None, node2: Any = None, deleteIntfs: bool = True,
    ) -> None:
        """As Mininet's. Raises subprocess.CalledProcessError with ip's words in `stderr`."""
        one = ["name", intfname1, *_address(addr1), "netns", str(node1.pid)]
        other = ["name", intfname2, *_address(addr2), "netns", str(node2.pid)]
        subprocess.run(
            ["ip", "link", "add", *one, "type", "veth", "peer", *other], check=True, capture_output=True, text=True
        )


def _address(mac: str | None) -> list[str]:
    return ["address", mac] if mac else []
