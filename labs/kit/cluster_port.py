"""Owns what the kit needs of a running cluster, as a protocol. `topologies.clusters` provides it; tests fake it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol


class HostInfo(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def role(self) -> str: ...


class Cluster(Protocol):
    """A sandbox with its hosts."""

    @property
    def name(self) -> str: ...
    @property
    def run_dir(self) -> Path: ...
    @property
    def outside(self) -> Path:
        """A directory of the cluster's that nobody inside can see."""
    @property
    def hosts(self) -> Sequence[HostInfo]: ...

    def socket(self, host: str) -> Path:
        """The host's docker.sock, as seen from outside."""

    def enter_argv(self, host: str, argv: list[str]) -> list[str]:
        """The command that runs `argv` on the host."""

    def join(self) -> None:
        """Put this process under the cluster's limits, before it becomes a shell."""

    def call(self, method: str, **params: Any) -> Any:
        """Ask the sandbox; `evidence` is what the graders' eyes see."""

    def stop(self) -> None: ...
