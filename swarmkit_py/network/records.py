"""Owns what is kept on disk, so that a swarmd that was killed finds its sandboxes again and its published ports go on
answering before it has spoken to a manager. Must not know the kernel.

One JSON file a sandbox, written once it is complete and removed last: a namespace without its file was never
finished. One more for what the manager last assigned.
Counterpart: moby/libnetwork/sandbox_store.go.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import field

from swarmkit_py import errors
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.base import Model
from swarmkit_py.runtime.base import Sandbox


class SandboxRecord(Model, frozen=True, kw_only=True):
    """A sandbox and the mode it was made in (SandboxSpec.mode)."""

    mode: str
    sandbox: Sandbox


class Assigned(Model, frozen=True, kw_only=True):
    """What was last given to NodeNetwork.configure."""

    node_address: str = ""
    networks: dict[str, NetworkAssignment] = field(default_factory=dict)
    endpoints: dict[str, ServiceEndpoint] = field(default_factory=dict)
    services: dict[str, ServiceRecord] = field(default_factory=dict)


class Records:
    """A directory of records. Reads and writes block: call it from a worker thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "sandboxes").mkdir(parents=True, exist_ok=True)

    def load(self) -> dict[str, SandboxRecord]:
        """All complete records, by sandbox id; a damaged file counts as absent and is removed."""
        found = {}
        for path in (self._directory / "sandboxes").glob("*.json"):
            try:
                record = msgspec.json.decode(path.read_bytes(), type=SandboxRecord)
            except msgspec.DecodeError:
                path.unlink()
                continue
            found[record.sandbox.id] = record
        return found

    def save(self, record: SandboxRecord) -> None:
        """A crash leaves the whole file or none. Raises errors.Internal (a full disk)."""
        _write(self._path(record.sandbox.id), record)

    def forget(self, sandbox_id: str) -> None:
        """Remove the record. Idempotent."""
        self._path(sandbox_id).unlink(missing_ok=True)

    def _path(self, sandbox_id: str) -> Path:
        return self._directory / "sandboxes" / f"{sandbox_id}.json"

    def load_assigned(self) -> Assigned:
        """What `save_assigned` kept; nothing assigned if there is no (readable) file."""
        try:
            return msgspec.json.decode((self._directory / "assigned.json").read_bytes(), type=Assigned)
        except (OSError, msgspec.DecodeError):
            return Assigned()

    def save_assigned(self, assigned: Assigned) -> None:
        _write(self._directory / "assigned.json", assigned)


def _write(path: Path, value: Model) -> None:
    new = path.with_suffix(".new")
    try:
        new.write_bytes(msgspec.json.encode(value))
        new.replace(path)
    except OSError as error:
        raise errors.Internal(f"cannot write {path}: {error.strerror}") from error
