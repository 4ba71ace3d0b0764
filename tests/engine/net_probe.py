"""What one host's kernel carries, and what its resolvers say: `net_probe.py` on a host, JSON in (container id → names
to ask for), JSON out. On the standard library alone; looks into every namespace that swarmd has pinned there."""

from __future__ import annotations

import ctypes
import json
import select
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NETWORKS, SANDBOXES = Path("/run/swarmd/networks"), Path("/run/swarmd/netns")
CLONE_NEWNET = 0x40000000
PATIENCE = 4.0


def enter(path: str) -> None:
    """This process goes on in another network namespace."""
    with Path(path).open("rb") as place:
        if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")


def run(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def listed(*words: str) -> list[dict[str, Any]]:
    return [one for one in json.loads(run(*words) or "[]") if one]


def addresses(link: dict[str, Any]) -> list[str]:
    """Of both kinds, less those that IPv6 gives every link."""
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] != "link")


def place() -> dict[str, Any]:
    """Links, addresses, forwarding, neighbours and rules of the namespace this process is in."""
    links = {one["ifname"]: one for one in listed("ip", "-j", "-d", "address")}
    return {
        "links": {name: {
            "kind": one.get("linkinfo", {}).get("info_kind", ""), "master": one.get("master", ""),
            "up": "UP" in one["flags"], "data": one.get("linkinfo", {}).get("info_data", {}),
        } for name, one in links.items()},
        "addresses": {name: addresses(one) for name, one in links.items()},
        "fdb": sorted([e["mac"], e["ifname"], e.get("dst", "")] for e in listed("bridge", "-j", "fdb")
                      if not e["mac"].startswith(("33:33", "01:00"))
                      and ("dst" in e or e.get("state") == "static")),
        "neighbours": sorted([n["dst"], n["dev"], n.get("lladdr", "")] for n in listed("ip", "-j", "neigh")
                             if "PERMANENT" in n["state"]),
        "rules": run("nft", "list", "table", "inet", "swarm"),
    }


def open_on_ipv6() -> list[str]:
    """What is listened to on every IPv6 address, less what is no published port's (`net_story` has 8000 and up)."""
    found = set()
    for protocol, state in (("tcp", "0A"), ("udp", "07")):
        table = Path(f"/proc/net/{protocol}6")
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, local, _, kind, *_ = line.split()
            address, _, port = local.partition(":")
            if kind == state and not int(address, 16) and 8000 <= int(port, 16) < 10000:
                found.add(f"{protocol} . {int(port, 16)}")
    return sorted(found)


def query(number: int, name: str) -> bytes:
    """For IPv4 addresses; for IPv6 ones with `/6` behind the name."""
    name, _, six = name.partition("/")
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 28 if six else 1, 1)


def answers(data: bytes) -> list[str] | None:
    """The addresses of an answer; None: no such name (or nobody who could know it)."""
    if data[3] & 15:
        return None
    count, offset = struct.unpack_from("!H", data, 6)[0], 12
    while data[offset]:
        offset += 1 + data[offset]
    offset += 5
    found = []
    for _ in range(count):
        offset = offset + 2 if data[offset] & 0xC0 else data.index(b"\0", offset) + 1
        kind, _, _, length = struct.unpack_from("!2HIH", data, offset)
        if kind in (1, 28):
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            found.append(socket.inet_ntop(family, data[offset + 10:offset + 10 + length]))
        offset += 10 + length
    return sorted(found)


def ask(names: list[str]) -> dict[str, Any]:
    """All at once. A name that nothing came back for says so."""
    found: dict[str, Any] = dict.fromkeys(names, "no answer")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.11", 53))
        for number, name in enumerate(names):
            asker.send(query(number, name))
        end = time.monotonic() + PATIENCE
        while "no answer" in found.values() and (left := end - time.monotonic()) > 0:
            if select.select([asker], [], [], left)[0]:
                try:
                    data = asker.recv(4096)
                except OSError:
                    break  # nobody listens: swarmd is not there
                found[names[struct.unpack_from("!H", data)[0]]] = answers(data)
    return found


def inside(names: list[str]) -> dict[str, Any]:
    """What a container sees: its addresses, who the names lead to, and the nodes that it answers by."""
    own = [a for one in listed("ip", "-j", "address") if one["ifname"] != "lo" for a in addresses(one)]
    return {"addresses": sorted(own), "names": ask(names) if names else {}, "ways back": ways_back()}


def ways_back() -> list[str]:
    """What is marked so goes by this node: rules, each with the default route of its table."""
    routes = {str(route.get("table")): route.get("gateway", "?") for route in listed(
        "ip", "-j", "route", "show", "table", "all") if route.get("dst") == "default"}
    return sorted(f"{rule['fwmark']} by {routes.get(str(rule['table']), 'none')}"
                  for rule in listed("ip", "-j", "rule") if "fwmark" in rule)


def pinned(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def main(names: dict[str, list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"places": {"": place()}, "insides": {}, "open on IPv6": open_on_ipv6()}
    for network in pinned(NETWORKS):
        enter(str(NETWORKS / network))
        found["places"][network] = place()
    for sandbox in pinned(SANDBOXES):
        enter(str(SANDBOXES / sandbox))
        found["insides"][sandbox] = inside(names.get(sandbox, []))
    return found


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.read()))))
