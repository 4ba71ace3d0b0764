"""Owns reading the connections that a kernel tracks: who asked for what, and who really answers. Pure, over the text
of /proc/net/nf_conntrack (what `conntrack -L` prints), where a translation is the difference of two directions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CONNECTIONS = "/proc/net/nf_conntrack"
TIME_WAIT_SECONDS = 120.0
"""How long the kernel remembers a finished connection, unless somebody set nf_conntrack_tcp_timeout_time_wait."""
_ENDS = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")


@dataclass(frozen=True)
class Connection:
    """One TCP connection. `source` asked `target`:`port`; the answers come from `server`:`server_port` to `peer`:
    `peer_port`, which is whom the server takes for its client."""

    state: str
    left: float
    source: str
    target: str
    port: int
    server: str
    server_port: int
    peer: str
    peer_port: int

    @property
    def age(self) -> float:
        """Seconds since its end; 0 while it is open."""
        return max(0.0, TIME_WAIT_SECONDS - self.left) if self.state == "TIME_WAIT" else 0.0


def parse(lines: Iterable[str]) -> Iterator[Connection]:
    """The TCP connections in the kernel's table."""
    for line in lines:
        words, ends = line.split(), _ENDS.findall(line)
        if len(ends) == 2 and "tcp" in words[:4]:
            (source, target, _, port), (server, peer, server_port, peer_port) = ends
            yield Connection(words[5], float(words[4]), source, target, int(port), server, int(server_port), peer,
                             int(peer_port))
