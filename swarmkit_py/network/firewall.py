"""Owns the door to nftables: the `nft` command. One table, replaced as a whole in one transaction. Must not know what
the rules mean (`ingress` writes them).

Counterpart: moby/libnetwork/iptables, which calls iptables once a rule and can leave half of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from swarmkit_py import errors

TABLE = "swarm"
_TIMEOUT = 30.0


def nft_command() -> str:
    """The full path of nft. Raises errors.FailedPrecondition with what to install."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which("nft", path=path)
    if found is None:
        raise errors.FailedPrecondition("the nft command is missing: install the package nftables")
    return found


class Firewall:
    """Our table in the namespace this process is in. Blocks for some milliseconds: call it from a worker thread."""

    def __init__(self) -> None:
        self._nft = nft_command()
        self._written = ""
        self._listed = ""

    def replace(self, ruleset: str) -> None:
        """Put `ruleset` in the place of our table, all or nothing; "" removes it. Raises errors.Internal."""
        # Deleting needs the table to exist, adding it first makes that so.
        head = f"add table inet {TABLE}\ndelete table inet {TABLE}\n"
        done = self._run(["-f", "-"], head + ruleset)
        if done.returncode != 0:
            raise errors.Internal(f"nft: {_first_line(done.stderr)}")
        self._written, self._listed = ruleset, self._listing()

    def current(self) -> str:
        """The ruleset as last written if the kernel still has exactly that, else what the kernel lists."""
        listing = self._listing()
        return self._written if listing == self._listed else listing

    def _listing(self) -> str:
        done = self._run(["-j", "list", "table", "inet", TABLE], "")
        return done.stdout if done.returncode == 0 else ""

    def _run(self, arguments: list[str], text: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self._nft, *arguments], input=text, capture_output=True, text=True, timeout=_TIMEOUT, check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise errors.Internal(f"nft could not be run: {error}") from error


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]
