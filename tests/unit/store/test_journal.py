"""The journal on disk: what was acknowledged is there after any death, and a damaged file is left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.model.objects import Node, Secret, Service
from swarmkit_py.model.specs import SecretSpec
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store
from tests.builders import cluster, node, service

KEY = bytes(range(32))
_WRITER = """
import sys
from swarmkit_py.clock import SystemClock
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store
from tests.builders import node
store = Store(SystemClock(), SqliteJournal(sys.argv[1], bytes(range(32))))
while True:
    number = store.index + 1
    store.update(lambda tx: (tx.create(node(f"a{number}")), tx.create(node(f"b{number}"))))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def _filled(path: Path, count: int = 20) -> None:
    store = Store(ManualClock(), SqliteJournal(path, KEY))
    for number in range(count):
        store.update(lambda tx, number=number: tx.create(node(f"n{number}")))  # type: ignore[misc]
    store.close()


def test_a_killed_writer_loses_nothing_it_acknowledged(path: Path) -> None:
    root = Path(__file__).parents[3]
    for round_number in range(1, 6):
        acknowledged = _write_until_killed(path, root, lines=10 * round_number)
        store = Store(ManualClock(), SqliteJournal(path, KEY, must_exist=True))
        names = {n.id for n in store.all(Node)}
        for number in range(1, acknowledged + 1):
            assert {f"node-a{number}", f"node-b{number}"} <= names, f"transaction {number} was acknowledged"
        assert store.index >= acknowledged
        assert len(names) == 2 * store.index, "half a transaction is there"
        store.close()


def _write_until_killed(path: Path, root: Path, lines: int) -> int:
    """Let a process write; kill -9 it after so many acknowledgements. Returns the last one it gave."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=environment, cwd=root,
    ) as writer:
        assert writer.stdout is not None
        heard = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        heard += writer.stdout.readlines()
        assert writer.wait() == -signal.SIGKILL
    return int([line for line in heard if line.endswith("\n")][-1])


def test_the_file_is_one_process_s_alone(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    with pytest.raises(Unavailable, match="no other swarmd uses it"):
        SqliteJournal(path, KEY)
    journal.close()
    SqliteJournal(path, KEY).close()


@pytest.mark.parametrize("what", [b"SQLite format 3", b"node-n150"])
def test_a_damaged_file_is_refused_and_kept(path: Path, what: bytes) -> None:
    _filled(path, 300)
    data = path.read_bytes()
    assert what in data
    _refused_and_kept(path, data.replace(what, b"\xa5" * len(what)))


def test_a_file_of_something_else_is_refused_and_kept(path: Path) -> None:
    _refused_and_kept(path, b"these are a student's notes\n" * 40)


def test_a_cut_file_is_refused_and_kept(path: Path) -> None:
    _filled(path, 300)
    _refused_and_kept(path, path.read_bytes()[:9000])


def _refused_and_kept(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(Internal) as caught:
        SqliteJournal(path, KEY).load()
    assert str(path) in str(caught.value)
    assert "left as it is" in str(caught.value)
    assert "Move it" in str(caught.value)
    assert path.read_bytes() == data


@pytest.mark.parametrize("change", [
    "CAST(substr(data, 1, 40) || X'00' || substr(data, 42) AS BLOB)", "CAST('{}' AS BLOB)", "X''",
    "(SELECT data FROM objects WHERE id = 'node-n8')",
])
def test_a_row_changed_behind_its_back_is_noticed(path: Path, change: str) -> None:
    _filled(path)
    database = sqlite3.connect(path)
    database.execute(f"UPDATE objects SET data = {change} WHERE id = 'node-n7'")
    database.commit()
    database.close()
    journal = SqliteJournal(path, KEY)
    with pytest.raises(Internal, match="node-n7 is not as it was written"):
        journal.load()
    journal.close()


def test_a_newer_format_is_refused(path: Path) -> None:
    _filled(path)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Internal, match="newer version"):
        SqliteJournal(path, KEY)


def test_a_missing_file_is_an_error_where_a_swarm_was_stored(path: Path) -> None:
    with pytest.raises(Internal, match="missing or empty"):
        SqliteJournal(path, KEY, must_exist=True)
    path.touch()
    with pytest.raises(Internal, match="missing or empty"):
        SqliteJournal(path, KEY, must_exist=True)


def test_a_missing_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="check that the directory exists"):
        SqliteJournal(tmp_path / "no" / "journal.db", KEY)


def test_a_full_disk_changes_nothing_and_heals(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    store = Store(ManualClock(), journal)
    store.update(lambda tx: tx.create(node("a")))
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(Unavailable, match="cannot be written .*full.*free space"):
        store.update(lambda tx: [tx.create(service(f"s{number}")) for number in range(500)])
    assert (store.index, store.all(Service)) == (1, [])
    journal._db.execute("PRAGMA max_page_count = 100000")
    store.update(lambda tx: tx.create(service("web")))
    store.close()
    again = Store(ManualClock(), SqliteJournal(path, KEY))
    assert (again.index, [s.id for s in again.all(Service)]) == (2, ["service-web"])
    again.close()


def test_an_error_in_the_middle_keeps_nothing_of_the_transaction(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    store = Store(ManualClock(), journal)
    journal._db.execute("CREATE TEMP TRIGGER t BEFORE INSERT ON objects WHEN NEW.id = 'service-b' "
                        "BEGIN SELECT RAISE(FAIL, 'disk on fire'); END")
    with pytest.raises(Unavailable, match="disk on fire"):
        store.update(lambda tx: [tx.create(service("a")), tx.create(service("b"))])
    store.update(lambda tx: tx.create(service("c")))
    store.close()
    again = Store(ManualClock(), SqliteJournal(path, KEY))
    assert (again.index, [s.id for s in again.all(Service)]) == (1, ["service-c"])
    again.close()


def test_every_commit_waits_for_the_disk(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    full = 2
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (full,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_nobody_else_can_read_the_roots_key(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "store.db", KEY).close()
    assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0


def test_nothing_is_on_the_disk_in_clear(path: Path) -> None:
    store = Store(ManualClock(), SqliteJournal(path, KEY))
    secret = Secret(id="s", spec=SecretSpec(name="password", data=b"correct horse battery staple"))
    store.update(lambda tx: (tx.create(secret), tx.create(replace(cluster(), root_key="THE ROOT KEY"))))
    _not_in_clear(path, b"correct horse", b"Y29ycmVjdCBob3JzZ", b"THE ROOT KEY", b"password")
    store.close()
    _not_in_clear(path, b"correct horse", b"Y29ycmVjdCBob3JzZ", b"THE ROOT KEY", b"password")


def _not_in_clear(path: Path, *words: bytes) -> None:
    for file in path.parent.iterdir():
        data = file.read_bytes()
        assert not [word for word in words if word in data], file


def test_a_journal_of_another_key_is_refused_and_kept(path: Path) -> None:
    _filled(path)
    data = path.read_bytes()
    with pytest.raises(Internal, match="sealed with another key than this node's; it was left as it is"):
        SqliteJournal(path, bytes(32))
    assert path.read_bytes() == data


def _clear(path: Path, rows: list[tuple[str, str, bytes]], crc: int = 0) -> None:
    """A journal as the first version wrote it."""
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL)")
    database.execute("CREATE TABLE objects (kind TEXT NOT NULL, id TEXT NOT NULL, crc INTEGER NOT NULL,"
                     " data BLOB NOT NULL, UNIQUE (kind, id))")
    database.execute("INSERT INTO meta VALUES ('index', 7)")
    database.executemany("INSERT INTO objects VALUES (?, ?, ?, ?)",
                         [(kind, oid, zlib.crc32(data) + crc, data) for kind, oid, data in rows])
    database.execute("PRAGMA user_version = 1")
    database.execute("PRAGMA journal_mode = WAL")
    database.commit()
    database.close()


def test_a_journal_in_clear_is_sealed_when_it_is_opened(path: Path) -> None:
    nodes = [node(f"n{number}") for number in range(200)]
    _clear(path, [("node", n.id, msgspec.json.encode(n)) for n in nodes])
    assert b'"Hostname":"n7"' in path.read_bytes()
    store = Store(ManualClock(), SqliteJournal(path, KEY, must_exist=True))
    assert (store.index, store.all(Node)) == (7, nodes)
    _not_in_clear(path, b'"Hostname"')
    store.update(lambda tx: tx.create(node("new")))
    store.close()
    _not_in_clear(path, b'"Hostname"')
    again = Store(ManualClock(), SqliteJournal(path, KEY, must_exist=True))
    assert (again.index, len(again.all(Node))) == (8, 201)
    again.close()


def test_a_damaged_journal_in_clear_is_not_sealed(path: Path) -> None:
    _clear(path, [("node", "x", b"{}")], crc=1)
    before = sqlite3.connect(path).execute("SELECT * FROM objects").fetchall()
    with pytest.raises(Internal, match="the node x is not as it was written"):
        SqliteJournal(path, KEY)
    assert sqlite3.connect(path).execute("SELECT * FROM objects").fetchall() == before


def test_old_copies_are_kept_and_can_take_the_journal_s_place(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    journal.snapshots.interval, journal.snapshots.keep = 3, 2
    store = Store(ManualClock(), journal)
    for number in range(10):
        store.update(lambda tx, number=number: tx.create(node(f"n{number}")))  # type: ignore[misc]
    copies = journal.snapshots.copies()
    assert [copy.name for copy in copies] == ["journal-6.snapshot", "journal-9.snapshot"]
    assert {copy.stat().st_mode & 0o777 for copy in copies} == {0o600}
    store.close()
    _not_in_clear(path, b'"Hostname"')
    copies[0].replace(path)
    again = Store(ManualClock(), SqliteJournal(path, KEY, must_exist=True))
    assert (again.index, len(again.all(Node))) == (6, 6)
    again.close()


def test_without_an_interval_there_are_no_copies(path: Path) -> None:
    journal = SqliteJournal(path, KEY)
    journal.snapshots.interval, journal.snapshots.keep = 0, 2
    store = Store(ManualClock(), journal)
    for number in range(5):
        store.update(lambda tx, number=number: tx.create(node(f"n{number}")))  # type: ignore[misc]
    assert journal.snapshots.copies() == []
    store.close()
