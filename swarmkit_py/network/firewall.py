"""Owns the door to nftables: the `nft` command. Every change is one transaction. Must not know what the rules
mean (`ingress` writes them).

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


class TooLong(errors.Internal):
    """A transaction that does not fit the kernel's buffer (an ordinary user may not enlarge it)."""


class Firewall:
    """The firewall of the namespace this process is in. Each call blocks for some milliseconds."""

    def __init__(self) -> None:
        self._nft = nft_command()

    def run(self, text: str) -> None:
        """One transaction: all of `text` or nothing. Raises TooLong, errors.Internal with nft's own reason."""
        done = self._run(["-f", "-"], text)
        if done.returncode != 0:
            kind = TooLong if "Message too long" in done.stderr else errors.Internal
            raise kind(f"nft: {_first_line(done.stderr)}")

    def listing(self) -> str:
        """Our table as nft shows it (JSON), "" if there is none."""
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
