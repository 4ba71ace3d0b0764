"""Owns the disks of simulated machines: the real journal and the real worker's storage on SQLite in memory.

A disk outlives the process that wrote it; it can be full. Counterpart: none.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from swarmkit_py.agent.storage import _SCHEMA, WorkerStorage
from swarmkit_py.errors import Unavailable
from swarmkit_py.model.objects import Object, StoreObject
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.rows import Rows
from swarmkit_py.store.snapshots import Snapshots

Writes = list[tuple[type[Object], str, StoreObject | None]]


class Disk:
    """One machine's: `full` refuses the journal's writes."""

    def __init__(self) -> None:
        self.journal = _database()
        self.worker = _database()
        self.full = False


class SimJournal(SqliteJournal):
    """The real journal on a simulated disk. After `cut` nothing of this process reaches the disk any more."""

    def __init__(self, disk: Disk) -> None:
        self.path = Path("journal.db")
        self._disk = disk
        self._db = disk.journal
        self._dead = False
        self._rows = Rows(b"simulated journals have one key.")
        self.snapshots = Snapshots(self._db, self.path)
        self.snapshots.interval = 0  # they are files
        self._prepare()

    def append(self, index: int, writes: Writes) -> None:
        if self._dead or self._disk.full:
            raise Unavailable("the change was not made: the journal cannot be written (database or disk is full)")
        self.keep(index, writes)

    def keep(self, index: int, writes: Writes) -> None:
        """Onto the disk."""
        super().append(index, writes)

    def cut(self) -> None:
        """The process is dead."""
        self._dead = True

    def close(self) -> None:
        """The disk stays."""


class SimStorage(WorkerStorage):
    """The real worker's storage on a simulated disk."""

    def __init__(self, disk: Disk) -> None:
        self._db = disk.worker
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """The disk stays."""


def _database() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)
