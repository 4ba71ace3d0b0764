"""Owns the networks of this machine on its disk: one JSON file each, written whole. Must not know the kernel.

Counterpart: moby/libnetwork/store.go (local-kv.db).
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from swarmkit_py import errors
from swarmkit_py.model.local import LocalNetwork

log = logging.getLogger(__name__)


class Shelf:
    """Blocks: call it from a worker thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self) -> dict[str, LocalNetwork]:
        """All, by id; a file that cannot be read is left where it is, and told."""
        found = {}
        for path in sorted(self._directory.glob("*.json")):
            try:
                network = msgspec.json.decode(path.read_bytes(), type=LocalNetwork)
            except (msgspec.DecodeError, OSError) as error:
                log.warning("network %s cannot be read: %s", path, error)
                continue
            found[network.id] = network
        return found

    def save(self, network: LocalNetwork) -> None:
        """Raises errors.Internal (a full disk)."""
        new = self._directory / f"{network.id}.new"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            new.write_bytes(msgspec.json.encode(network))
            new.replace(new.with_suffix(".json"))
        except OSError as error:
            raise errors.Internal(f"cannot write {new}: {error.strerror}") from error

    def forget(self, network_id: str) -> None:
        """Idempotent."""
        (self._directory / f"{network_id}.json").unlink(missing_ok=True)
