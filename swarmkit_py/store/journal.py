"""Owns the journal on disk: one SQLite file with one row an object, and the version of the last transaction.

A commit is on the platter before `append` returns (WAL, synchronous=FULL). Rows are sealed: secrets and the root's
key are in them, and a seal also tells of a damaged row, which SQLite itself notices only where it breaks the tree.
A file that cannot be trusted is refused and left alone. Knows nothing of transactions or tables.
Counterpart: swarmkit/manager/state/raft/storage (a log and snapshots there; SQLite's own WAL and checkpoints here).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.model.objects import Object, StoreObject
from swarmkit_py.seal import BrokenSeal
from swarmkit_py.store.clear_journal import CLEAR_FORMAT, seal_clear_rows
from swarmkit_py.store.rows import NAMES, BrokenRow, Rows, label
from swarmkit_py.store.snapshots import Snapshots

_FORMAT = 2
"""PRAGMA user_version of the files this code writes; it also reads CLEAR_FORMAT, once."""
_LOCK_WAIT = 0.5
"""Seconds to wait for another process that has the file: it holds it for as long as it lives."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS objects (kind TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL,"
    " UNIQUE (kind, id))",
    "INSERT OR IGNORE INTO meta VALUES ('index', 0)",
    f"PRAGMA user_version = {_FORMAT}",
)
_UPSERT = (
    "INSERT INTO objects (kind, id, data) VALUES (?, ?, ?)"
    " ON CONFLICT (kind, id) DO UPDATE SET data = excluded.data"
)
_PROOF = "proof"
"""What is sealed here under this label tells whether a key is the right one."""


class SqliteJournal:
    """A `store.memory.Journal` in the file `path`, sealed with `key`. A file in clear (of an earlier version) is
    sealed when it is opened. `snapshots` says how often the file is folded, and how many old copies are kept.

    `must_exist`: the caller knows that a cluster was stored here, so that a missing or empty file is an error and
    not a fresh start. Raises Internal for a file that is damaged, not ours or of another key, Unavailable
    for one that cannot be written."""

    def __init__(self, path: str | Path, key: bytes, *, must_exist: bool = False) -> None:
        self.path = Path(path)
        self._rows = Rows(key)
        self._check_file(must_exist)
        self._make_private()
        try:
            self._db = sqlite3.connect(self.path, isolation_level=None, timeout=_LOCK_WAIT)
        except sqlite3.Error as error:
            raise self._refusal(error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise self._refusal(error) from error
        self.snapshots = Snapshots(self._db, self.path)

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None:
        """One transaction: `writes` and the new `index`. Raises Unavailable (disk full, read-only, …) and then
        nothing of it is kept."""
        rows = [(NAMES[kind], object_id, None if obj is None else self._rows.close(obj))
                for kind, object_id, obj in writes]
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for row in rows:
                self._write(*row)
            self._db.execute("UPDATE meta SET value = ? WHERE key = 'index'", (index,))
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise Unavailable(
                f"the change was not made: the journal {self.path} cannot be written ({error}); "
                "free space on that disk or make it writable, then try again"
            ) from error
        self.snapshots.written(index)

    def load(self) -> tuple[int, list[StoreObject]]:
        """The version of the last transaction and all objects, oldest first. Raises Internal if any is damaged."""
        try:
            (index,) = self._db.execute("SELECT value FROM meta WHERE key = 'index'").fetchone()
            rows = self._db.execute("SELECT kind, id, data FROM objects ORDER BY rowid").fetchall()
            return int(index), [self._decode(*row) for row in rows]
        except (sqlite3.Error, TypeError) as error:
            raise self._damaged(str(error)) from error

    def close(self) -> None:
        """Fold the write-ahead log into the file and let go of it."""
        self._db.close()

    def _write(self, kind: str, object_id: str, data: bytes | None) -> None:
        if data is None:
            self._db.execute("DELETE FROM objects WHERE kind = ? AND id = ?", (kind, object_id))
        else:
            self._db.execute(_UPSERT, (kind, object_id, data))

    def _undo(self) -> None:
        # SQLite has rolled back by itself after some errors (a full disk among them), and not after others.
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # the connection holds nothing then; the error that led here is the one to report

    def _decode(self, kind: str, object_id: str, data: bytes) -> StoreObject:
        try:
            return self._rows.open(kind, object_id, data)
        except BrokenRow as error:
            raise self._damaged(error.message) from error

    def _make_private(self) -> None:
        """The root's key will be in it: made for this user alone, as are then SQLite's own files beside it."""
        try:
            self.path.touch(mode=0o600)
        except OSError:
            return  # SQLite, which meets the same, has the better words for it

    def _check_file(self, must_exist: bool) -> None:
        """Look before anything could change the file: opened read-only, SQLite neither repairs nor folds the log."""
        if not self.path.exists() or self.path.stat().st_size == 0:
            if must_exist:
                raise self._damaged("it is missing or empty, though a swarm was stored there")
            return
        try:
            db = sqlite3.connect(f"file:{quote(str(self.path.absolute()))}?mode=ro", uri=True, timeout=_LOCK_WAIT)
            try:
                self._check_content(db)
            finally:
                db.close()
        except sqlite3.Error as error:
            raise self._refusal(error) from error

    def _check_content(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > _FORMAT:
            raise Internal(f"the journal {self.path} was written by a newer version (format {version}, this one "
                           f"reads {_FORMAT}); it was left as it is: use that version, or another data root")
        verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if verdict != "ok":
            raise self._damaged(verdict)
        if version == _FORMAT:
            self._check_key(db)

    def _check_key(self, db: sqlite3.Connection) -> None:
        row = db.execute("SELECT value FROM meta WHERE key = ?", (_PROOF,)).fetchone()
        if row is None:
            raise self._damaged("it does not say which key it is sealed with")
        try:
            self._rows.seal.open(row[0], _PROOF)
        except BrokenSeal:
            raise Internal(f"the journal {self.path} is sealed with another key than this node's; it was left as it "
                           "is. Put back the journal and the node's keys (the folder certificates) that belong "
                           'together, or leave the swarm with "docker swarm leave --force"') from None

    def _prepare(self) -> None:
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two daemons on one data root would undo each other
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        if self._db.execute("PRAGMA user_version").fetchone()[0] == CLEAR_FORMAT:
            seal_clear_rows(self._db, lambda kind, oid, data: self._rows.seal.close(data, label(kind, oid)))
        self._db.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (_PROOF, self._rows.seal.close(b"", _PROOF)))
        self._db.execute("COMMIT")

    def _refusal(self, error: sqlite3.Error) -> Internal | Unavailable:
        # OperationalError is about the machine (no space, no permission, locked), its siblings about the content.
        if isinstance(error, sqlite3.OperationalError):
            return Unavailable(f"the journal {self.path} cannot be opened ({error}); "
                               "check that the directory exists, is writable and has free space, and that no other "
                               "swarmd uses it")
        return self._damaged(str(error))

    def _damaged(self, why: str) -> Internal:
        return Internal(
            f"the journal {self.path} is damaged ({why}); it was left as it is. Move it and its -wal file away to "
            "start an empty swarm, or put a copy from before the damage in its place"
        )
