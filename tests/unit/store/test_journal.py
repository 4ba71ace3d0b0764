"""The journal on disk: what was acknowledged is there after any death, and a damaged file is left alone."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.model.objects import Node, Service
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store
from tests.builders import node, service

_WRITER = """
import sys
from swarmkit_py.clock import SystemClock
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store
from tests.builders import node
store = Store(SystemClock(), SqliteJournal(sys.argv[1]))
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
    store = Store(ManualClock(), SqliteJournal(path))
    for number in range(count):
        store.update(lambda tx, number=number: tx.create(node(f"n{number}")))  # type: ignore[misc]
    store.close()


def test_a_killed_writer_loses_nothing_it_acknowledged(path: Path) -> None:
    root = Path(__file__).parents[3]
    for round_number in range(1, 6):
        acknowledged = _write_until_killed(path, root, lines=10 * round_number)
        store = Store(ManualClock(), SqliteJournal(path, must_exist=True))
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
    journal = SqliteJournal(path)
    with pytest.raises(Unavailable, match="no other swarmd uses it"):
        SqliteJournal(path)
    journal.close()
    SqliteJournal(path).close()


@pytest.mark.parametrize("what", [b"SQLite format 3", b"node-n150", b'"Hostname":"n7"'])
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
        SqliteJournal(path).load()
    assert str(path) in str(caught.value)
    assert "left as it is" in str(caught.value)
    assert "Move it" in str(caught.value)
    assert path.read_bytes() == data


def test_a_row_changed_behind_its_back_is_noticed(path: Path) -> None:
    _filled(path)
    database = sqlite3.connect(path)
    change = "CAST(replace(data, 'n7', 'n8') AS BLOB)"
    database.execute(f"UPDATE objects SET data = {change} WHERE id = 'node-n7'")
    database.commit()
    database.close()
    journal = SqliteJournal(path)
    with pytest.raises(Internal, match="node-n7 is not as it was written"):
        journal.load()
    journal.close()


def test_a_newer_format_is_refused(path: Path) -> None:
    _filled(path)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(Internal, match="newer version"):
        SqliteJournal(path)


def test_a_missing_file_is_an_error_where_a_swarm_was_stored(path: Path) -> None:
    with pytest.raises(Internal, match="missing or empty"):
        SqliteJournal(path, must_exist=True)
    path.touch()
    with pytest.raises(Internal, match="missing or empty"):
        SqliteJournal(path, must_exist=True)


def test_a_missing_directory_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="check that the directory exists"):
        SqliteJournal(tmp_path / "no" / "journal.db")


def test_a_full_disk_changes_nothing_and_heals(path: Path) -> None:
    journal = SqliteJournal(path)
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
    again = Store(ManualClock(), SqliteJournal(path))
    assert (again.index, [s.id for s in again.all(Service)]) == (2, ["service-web"])
    again.close()


def test_an_error_in_the_middle_keeps_nothing_of_the_transaction(path: Path) -> None:
    journal = SqliteJournal(path)
    store = Store(ManualClock(), journal)
    journal._db.execute("CREATE TEMP TRIGGER t BEFORE INSERT ON objects WHEN NEW.id = 'service-b' "
                        "BEGIN SELECT RAISE(FAIL, 'disk on fire'); END")
    with pytest.raises(Unavailable, match="disk on fire"):
        store.update(lambda tx: [tx.create(service("a")), tx.create(service("b"))])
    store.update(lambda tx: tx.create(service("c")))
    store.close()
    again = Store(ManualClock(), SqliteJournal(path))
    assert (again.index, [s.id for s in again.all(Service)]) == (1, ["service-c"])
    again.close()


def test_every_commit_waits_for_the_disk(path: Path) -> None:
    journal = SqliteJournal(path)
    full = 2
    assert journal._db.execute("PRAGMA synchronous").fetchone() == (full,)
    assert journal._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_nobody_else_can_read_the_roots_key(tmp_path: Path) -> None:
    SqliteJournal(tmp_path / "store.db").close()
    assert (tmp_path / "store.db").stat().st_mode & 0o077 == 0
