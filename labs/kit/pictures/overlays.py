"""Owns the drawing of who carries which network: a column a host, a row a network, as the kernels have it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from labs.kit.marks import TUNNEL, box, document, text
from labs.kit.trace.kernels import Kernels, Link, Place

LEFT, COLUMN, GAP, TOP, LINE = 24, 290, 46, 96, 17


@dataclass(frozen=True)
class Cell:
    """What one host has of one network: the names in the kernel, its members here, and which nodes it sends to."""

    bridge: str
    tunnel: str
    members: tuple[str, ...]
    peers: tuple[str, ...]


def cell(kernels: Kernels, place: Place, tunnel: Link, names: Mapping[str, str]) -> Cell:
    """Of a host's VXLAN device."""
    bridge = place.links.get(tunnel.master)
    own = [f"{address} (this node)" for address, prefix in (bridge.addresses if bridge else ()) if prefix < 32]
    vips = [f"{address} (virtual)" for address, prefix in (bridge.addresses if bridge else ()) if prefix == 32]
    tasks = [f"{address} {names.get(address, '?')}" for port in place.ports(tunnel.master)
             if (far := kernels.other_end(place, port)) for address, _ in far[1].addresses]
    targets = sorted({one["dst"] for one in place.tables.get("fdb") or ()
                      if one.get("ifname") == tunnel.name and "dst" in one})
    return Cell(tunnel.master, tunnel.name, (*sorted(tasks), *vips, *own), tuple(targets))


def cells(kernels: Kernels, names: Mapping[str, str]) -> dict[int, dict[str, Cell]]:
    """By VXLAN id and host."""
    found: dict[int, dict[str, Cell]] = {}
    for place in kernels.places.values():
        for link in place.links.values():
            if link.vni:
                found.setdefault(link.vni, {})[place.host] = cell(kernels, place, link, names)
    return dict(sorted(found.items()))


def overlay(kernels: Kernels, names: Mapping[str, str], networks: Mapping[int, str], hosts: Mapping[str, str],
            title: str) -> str:
    """The picture; `networks`: names by VXLAN id, `hosts`: addresses by name, in their order."""
    marks = [text(LEFT, 30, title, "t"),
             text(LEFT, 52, "A box is a bridge and a VXLAN device in this host's kernel, and what is on it.", "d")]
    y = TOP + 24
    rows: list[str] = []
    for vni, row in cells(kernels, names).items():
        high = max(len(one.members) + len(one.peers) for one in row.values()) * LINE + 54
        rows += _row(vni, networks.get(vni, "?"), row, list(hosts), y, high)
        y += high + 34
    for number, (host, address) in enumerate(hosts.items()):
        x = LEFT + number * (COLUMN + GAP)
        marks += box(x - 10, TOP - 24, COLUMN + 20, y - TOP + 20, "#fafbfc", "#d0d7de")
        marks.append(text(x, TOP - 4, f"{host}  {address}", "h"))
    width = 2 * LEFT + len(hosts) * (COLUMN + GAP) - GAP
    return document(width, y + 14, title, [*marks, *rows])


def _row(vni: int, network: str, row: Mapping[str, Cell], hosts: list[str], y: int, high: int) -> Iterator[str]:
    there = [number for number, host in enumerate(hosts) if host in row]
    for left, right in zip(there, there[1:], strict=False):
        begin, end = LEFT + left * (COLUMN + GAP) + COLUMN, LEFT + right * (COLUMN + GAP)
        yield f'<line x1="{begin}" y1="{y + 22}" x2="{end}" y2="{y + 22}" stroke="{TUNNEL}" stroke-width="3"/>'
    for number in there:
        x, one = LEFT + number * (COLUMN + GAP), row[hosts[number]]
        yield from box(x, y, COLUMN, high, "#f6f0fb", TUNNEL)
        yield text(x + 10, y + 19, f"{network}: VNI {vni}", "h")
        yield text(x + 10, y + 36, f"{one.bridge}, {one.tunnel}", "", "#57606a")
        for line, member in enumerate((*one.members, *(f"sends to {peer}" for peer in one.peers))):
            yield text(x + 10, y + 54 + line * LINE, member, "s", TUNNEL if member.startswith("sends") else "")
