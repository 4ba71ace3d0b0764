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


def ipv4(link: dict[str, Any]) -> list[str]:
    return [f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["family"] == "inet"]


def place() -> dict[str, Any]:
    """Links, addresses, forwarding, neighbours and rules of the namespace this process is in."""
    links = {one["ifname"]: one for one in listed("ip", "-j", "-d", "address")}
    return {
        "links": {name: {
            "kind": one.get("linkinfo", {}).get("info_kind", ""), "master": one.get("master", ""),
            "up": "UP" in one["flags"], "data": one.get("linkinfo", {}).get("info_data", {}),
        } for name, one in links.items()},
        "addresses": {name: sorted(ipv4(one)) for name, one in links.items()},
        "fdb": sorted([e["mac"], e["ifname"], e.get("dst", "")] for e in listed("bridge", "-j", "fdb")
                      if not e["mac"].startswith(("33:33", "01:00"))
                      and ("dst" in e or e.get("state") == "static")),
        "neighbours": sorted([n["dst"], n["dev"], n.get("lladdr", "")] for n in listed("ip", "-j", "neigh")
                             if "PERMANENT" in n["state"]),
        "rules": run("nft", "list", "table", "inet", "swarm"),
    }


def query(number: int, name: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", 1, 1)


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
        if kind == 1:
            found.append(socket.inet_ntoa(data[offset + 10:offset + 14]))
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
    """What a container sees: its addresses, and who the names lead to."""
    addresses = [a for one in listed("ip", "-j", "address") if one["ifname"] != "lo" for a in ipv4(one)]
    return {"addresses": sorted(addresses), "names": ask(names) if names else {}}


def pinned(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []


def main(names: dict[str, list[str]]) -> dict[str, Any]:
    found: dict[str, Any] = {"places": {"": place()}, "insides": {}}
    for network in pinned(NETWORKS):
        enter(str(NETWORKS / network))
        found["places"][network] = place()
    for sandbox in pinned(SANDBOXES):
        enter(str(SANDBOXES / sandbox))
        found["insides"][sandbox] = inside(names.get(sandbox, []))
    return found


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.read()))))
