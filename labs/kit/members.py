"""Owns what the stores of a swarm's managers say of themselves: etcd's own answers at each manager's socket, asked on
that host by its kernel's doors. Neither the engine nor the swarm is asked.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from labs.kit.cluster_port import Cluster

MANAGER = "manager"
SOCKET = "/run/swarmd/etcd/client:0"
ASK = f"test -S {SOCKET} && curl -s -m 3 --unix-socket {SOCKET} -d \"$1\" http://etcd/v3/$0"
SECONDS = 15.0


@dataclass(frozen=True)
class Member:
    """One store. `id`, `leader`: as etcd counts; `leader` 0 while none is known. `term`: elections so far. `index`:
    the log's last entry that it knows, `revision`: the last change of the data in it."""

    host: str
    id: int
    leader: int
    term: int
    index: int
    revision: int

    @property
    def leads(self) -> bool:
        return self.id == self.leader


def members(cluster: Cluster, hosts: Iterable[str]) -> dict[str, Member]:
    """By host; whoever has no store, or does not answer, is left out."""
    found = ask(cluster, hosts, "maintenance/status", {})
    return {host: read_member(host, answer) for host, answer in found.items()}


def ask(cluster: Cluster, hosts: Iterable[str], path: str, body: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What each host's store answers to this call, without those that refuse it or do not answer."""
    names = list(hosts)
    with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
        answers = pool.map(lambda host: _asked(cluster, host, path, body), names)
    return {host: answer for host, answer in zip(names, answers, strict=True) if "header" in answer}


def read_member(host: str, answer: Mapping[str, Any]) -> Member:
    """The answer to `maintenance/status`: numbers come as strings, zeros not at all."""
    header = answer["header"]
    return Member(host, int(header["member_id"]), int(answer.get("leader", 0)), int(answer.get("raftTerm", 0)),
                  int(answer.get("raftIndex", 0)), int(header.get("revision", 0)))


def leader(found: Mapping[str, Member]) -> str:
    """The host whose store leads, by its own word; "" if none does. After a cut two may say so: the later term."""
    leading = [member for member in found.values() if member.leads]
    return max(leading, key=lambda member: member.term).host if leading else ""


def _asked(cluster: Cluster, host: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    argv = cluster.enter_argv(host, ["sh", "-c", ASK, path, json.dumps(body)])
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
                              check=False)
        answer = json.loads(done.stdout or "{}")
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return answer if isinstance(answer, dict) else {}
