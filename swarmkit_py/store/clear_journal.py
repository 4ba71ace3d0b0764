"""Owns the way of a journal of the first format, which was in clear, into the sealed one. Used once a file.

In one transaction; then the pages that held the clear text are overwritten and given back.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable

CLEAR_FORMAT = 1
"""PRAGMA user_version of journals in clear: rows of (kind, id, CRC-32 of the data, data)."""


def seal_clear_rows(db: sqlite3.Connection, seal: Callable[[str, str, bytes], bytes]) -> None:
    """Replace the table of clear rows by one of sealed rows, in the same order; `seal(kind, id, data)`.

    Raises sqlite3.DatabaseError for a damaged row; then nothing is changed."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("BEGIN IMMEDIATE")
    try:
        rows = db.execute("SELECT kind, id, crc, data FROM objects ORDER BY rowid").fetchall()
        for kind, object_id, crc, data in rows:
            if zlib.crc32(data) != crc:
                raise sqlite3.DatabaseError(f"the {kind} {object_id} is not as it was written")
        db.execute("DROP TABLE objects")
        db.execute("CREATE TABLE objects (kind TEXT NOT NULL, id TEXT NOT NULL, data BLOB NOT NULL,"
                   " UNIQUE (kind, id))")
        sealed = ((kind, object_id, seal(kind, object_id, data)) for kind, object_id, _, data in rows)
        db.executemany("INSERT INTO objects VALUES (?, ?, ?)", sealed)
        db.execute(f"PRAGMA user_version = {CLEAR_FORMAT + 1}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("VACUUM")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log had the clear pages too
