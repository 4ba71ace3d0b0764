"""Owns the door to nftables: the `nft` command. Every change is one transaction. Must not know what the rules
mean (`ingress` writes them).

Counterpart: moby/libnetwork/iptables, which calls iptables once a rule and can leave half of them.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess

from swarmkit_py import errors
from swarmkit_py.network import namespaces
from swarmkit_py.network.netlink import NETFILTER, Bare, Netlink

TABLE = "swarm"
_TIMEOUT = 30.0
_GET_GENERATION = 0xA10
_HANDLE = re.compile(r'"handle": \d+(, )?')


def nft_command() -> str:
    """The full path of nft. Raises errors.FailedPrecondition with what to install."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which("nft", path=path)
    if found is None:
        raise errors.FailedPrecondition("the nft command is missing: install the package nftables")
    return found


class TooLong(errors.Internal):
    """A transaction that does not fit the kernel's buffer (an ordinary user may not enlarge it)."""


class Firewall:
    """The firewall of one namespace, "" for that of this process. Each call blocks for some milliseconds."""

    def __init__(self, namespace: str = "") -> None:
        self._nft = nft_command()
        self._namespace = namespace

    def run(self, text: str) -> None:
        """One transaction: all of `text` or nothing. Raises TooLong, errors.Internal with nft's own reason."""
        done = self._run(["-f", "-"], text)
        if done.returncode != 0:
            kind = TooLong if "Message too long" in done.stderr else errors.Internal
            raise kind(f"nft: {_first_line(done.stderr)}")

    def listing(self) -> str:
        """Our table as nft shows it (JSON) less its running numbers, "" if there is none."""
        done = self._run(["-j", "list", "table", "inet", TABLE], "")
        return _HANDLE.sub("", done.stdout) if done.returncode == 0 else ""

    def generation(self) -> int:
        """A number that rises by one with every transaction of anybody in this namespace. Costs no command."""

        def ask() -> int:
            with Netlink(NETFILTER) as netlink:
                packet = netlink.ask(_GET_GENERATION, Bare())
            return int(struct.unpack_from(">I", packet, 24)[0])

        return namespaces.inside(self._namespace, ask)

    def _run(self, arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
        def call() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [self._nft, *arguments], input=text, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
            )

        try:
            return namespaces.inside(self._namespace, call)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise errors.Internal(f"nft could not be run: {error}") from error


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]
