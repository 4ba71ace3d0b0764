"""The ledger: one name, one owner; what is removed is what was recorded, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swarmkit_py.errors import AlreadyExists, FailedPrecondition
from topologies import ledger as book
from topologies.ledger import Ledger
from topologies.processes import Process, identify

DEAD = Process(os.getpid(), 1)
"""Our pid, but of a process that started at another time."""


def new(base: Path, name: str = "a", run_id: str = "r1", keeper: Process | None = None) -> Ledger:
    return Ledger(run_id, name, "one_node", str(base / name), keeper or identify(os.getpid()))


def test_a_claimed_name_can_be_read_back(tmp_path: Path) -> None:
    ledger = new(tmp_path)._replace(init=Process(7, 8), cgroups=("/c",), first_id=5)
    book.claim(ledger)
    assert book.ledgers(tmp_path) == [ledger]


def test_a_name_has_one_owner(tmp_path: Path) -> None:
    book.claim(new(tmp_path))
    with pytest.raises(AlreadyExists, match="lab down a"):
        book.claim(new(tmp_path, run_id="r2"))


def test_a_dead_keepers_name_is_free_again_and_its_directory_gone(tmp_path: Path) -> None:
    book.claim(new(tmp_path, keeper=DEAD))
    (tmp_path / "a" / "hosts").mkdir(parents=True)
    book.claim(new(tmp_path, run_id="r2"))
    assert not (tmp_path / "a").exists()
    assert [ledger.run_id for ledger in book.ledgers(tmp_path)] == ["r2"]


def test_sweep_leaves_the_living(tmp_path: Path) -> None:
    book.claim(new(tmp_path, "alive"))
    book.claim(new(tmp_path, "dead", keeper=DEAD))
    book.sweep(tmp_path)
    assert [ledger.name for ledger in book.ledgers(tmp_path)] == ["alive"]


def test_a_late_remover_does_not_touch_the_next_run_of_that_name(tmp_path: Path) -> None:
    first = new(tmp_path, keeper=DEAD)
    book.claim(first)
    book.claim(new(tmp_path, run_id="r2"))
    (tmp_path / "a").mkdir()
    book.remove(first)
    assert (tmp_path / "a").exists() and book.ledgers(tmp_path)[0].run_id == "r2"


@pytest.mark.timeout(10)
def test_a_runtime_directory_that_went_away_takes_all_with_it_but_the_cgroups(tmp_path: Path) -> None:
    """As /run/user/UID does when its user logs out while a lab runs."""
    base, cgroup = tmp_path / "gone" / "swarmlab", tmp_path / "cgroup"
    base.parent.mkdir()
    cgroup.mkdir()
    ledger = new(base)._replace(cgroups=(str(cgroup),))
    book.claim(ledger)
    shutil.rmtree(base.parent)
    book.remove(ledger)
    assert not cgroup.exists() and not base.parent.exists()
    with pytest.raises(FailedPrecondition, match="log in anew"):
        book.claim(new(base, run_id="r2"))


def test_a_ledger_that_somebody_deleted_leaves_no_cgroup(tmp_path: Path) -> None:
    base, cgroup = tmp_path / "swarmlab", tmp_path / "cgroup"
    cgroup.mkdir()
    ledger = new(base)._replace(cgroups=(str(cgroup),))
    book.claim(ledger)
    shutil.rmtree(base)
    book.remove(ledger)
    assert not cgroup.exists()


def test_removal_follows_no_links(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    run_dir = tmp_path / "a"
    (run_dir / "hosts").mkdir(parents=True)
    (run_dir / "hosts" / "link").symlink_to(precious)
    (run_dir / "log").symlink_to(precious / "file")
    book.claim(new(tmp_path))
    book.remove(new(tmp_path))
    assert not run_dir.exists() and not (tmp_path / "a.json").exists()
    assert (precious / "file").read_text() == "mine"


def test_a_run_directory_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "a").symlink_to(precious)
    book.remove_tree(tmp_path / "a")
    assert precious.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "a"}', '{"keeper": 3, "init": null, "cgroups": []}'])
def test_a_ledger_that_makes_no_sense_is_not_believed(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    assert book.ledgers(tmp_path) == []


def test_a_pid_used_again_is_another_process() -> None:
    child = subprocess.Popen(["sleep", "60"])
    process = identify(child.pid)
    assert process.alive() and not process._replace(started=process.started - 1).alive()
    process._replace(started=process.started - 1).kill()
    assert process.alive()
    process.kill()
    assert process.wait(5)
    assert child.wait() == -9 and not process.alive()


def test_the_base_may_come_and_go_under_many_hands(tmp_path: Path) -> None:
    """Each one who leaves it empty takes it away, while the others are about to come in."""
    base = tmp_path / "swarmlab"

    def come_and_go(_: int) -> None:
        for _ in range(200):
            with book._locked(base):
                assert base.is_dir()

    with ThreadPoolExecutor(4) as hands:
        list(hands.map(come_and_go, range(4)))
    assert not base.exists()
