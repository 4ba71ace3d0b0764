"""Owns the journal's snapshots: after so many transactions the write-ahead log is folded into the file, and so many
old copies of the file are kept beside it. A copy is sealed as the journal is, and can be put in its place.

Knows no objects. Counterpart: doSnapshot in swarmkit/manager/state/raft (SnapshotInterval, KeepOldSnapshots).
"""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

log = logging.getLogger(__name__)

INTERVAL = 10_000


class Snapshots:
    """`interval` transactions from one to the next (0: none), `keep` old copies; both may be set at any time."""

    def __init__(self, db: sqlite3.Connection, journal: Path) -> None:
        self.interval = INTERVAL
        self.keep = 0
        self._db = db
        self._journal = journal
        self._last: int | None = None

    def written(self, index: int) -> None:
        """A transaction with this number was written; makes a snapshot if one is due.

        One that cannot be made is logged: the transaction itself is safe."""
        if self._last is None:
            self._last = index - 1
        if not self.interval or index - self._last < self.interval:
            return
        self._last = index
        try:
            self._take(index)
        except (sqlite3.Error, OSError) as error:
            log.warning("no snapshot of the journal at %d: %s", index, error)

    def copies(self) -> list[Path]:
        """The copies there are, oldest first."""
        found = self._journal.parent.glob(f"{self._journal.stem}-*.snapshot")
        return sorted(found, key=lambda path: int(path.stem.rpartition("-")[2]))

    def _take(self, index: int) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if self.keep:
            path = self._journal.with_name(f"{self._journal.stem}-{index}.snapshot")
            path.touch(mode=0o600)
            self._db.execute("VACUUM INTO ?", (str(path),))
        copies = self.copies()
        for path in copies[:max(len(copies) - self.keep, 0)]:
            path.unlink(missing_ok=True)
