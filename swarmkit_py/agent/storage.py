"""Owns what a node remembers over a restart of its daemon: what it was told, and how far each task got.

Nothing here was promised to anybody, so writes need not reach the disk at once; they only must not be half there.
Counterpart: swarmkit/agent/storage.go (theirs is bbolt, ours SQLite).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from swarmkit_py.errors import Internal
from swarmkit_py.model.assignment import NetworkAssignment, NodeAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.base import Model
from swarmkit_py.model.objects import Task, TaskStatus

log = logging.getLogger(__name__)

_SCHEMA = "CREATE TABLE IF NOT EXISTS rows (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key))"
_KINDS: dict[str, type[Model]] = {
    "task": Task, "network": NetworkAssignment, "endpoint": ServiceEndpoint, "service": ServiceRecord,
    "status": TaskStatus,
}


class WorkerStorage:
    """Rows of five kinds by key. A full disk is logged and survived: then a restart remembers less."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise Internal(f"{path} cannot be read ({error}): move it away; running containers are found again "
                           "once a manager answers") from None

    def load(self) -> tuple[NodeAssignment, dict[str, TaskStatus]]:
        """What was stored; rows that cannot be read are left out."""
        found: dict[str, dict[str, Model]] = {kind: {} for kind in _KINDS}
        with closing(self._db.execute("SELECT kind, key, value FROM rows")) as rows:
            for kind, key, value in rows:
                try:
                    found[kind][key] = msgspec.json.decode(value, type=_KINDS[kind])
                except (msgspec.DecodeError, KeyError) as error:
                    log.warning("%s %s not read back: %s", kind, key, error)
        assignment = msgspec.convert(
            {"Tasks": found["task"], "Networks": found["network"], "Endpoints": found["endpoint"],
             "Services": found["service"]},
            NodeAssignment,
        )
        statuses = {key: value for key, value in found["status"].items() if isinstance(value, TaskStatus)}
        return assignment, statuses

    def put(self, kind: str, items: Iterable[tuple[str, Model]]) -> None:
        rows = [(kind, key, msgspec.json.encode(value)) for key, value in items]
        self._write("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)

    def drop(self, kind: str, keys: Iterable[str]) -> None:
        self._write("DELETE FROM rows WHERE kind = ? AND key = ?", [(kind, key) for key in keys])

    def close(self) -> None:
        self._db.close()

    def _write(self, statement: str, rows: Sequence[tuple[str | bytes, ...]]) -> None:
        if not rows:
            return
        try:
            self._db.execute("BEGIN")
            self._db.executemany(statement, rows)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            log.warning("not remembered for a restart: %s", error)
