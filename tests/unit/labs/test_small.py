"""The small pure parts: values from a seed, predictions, progress, transcripts, pictures, panes."""

from __future__ import annotations

from pathlib import Path

import pytest

from labs.kit.folder import UnknownLab, find_lab
from labs.kit.history import History
from labs.kit.params import graded
from labs.kit.picture import GHOST, LEAVES, LIVES, STARTS, STRANGER, draw
from labs.kit.predictions import read, split
from labs.kit.progress import HEAD, Progress, Run, Store, from_text, state_home
from labs.kit.speed import speed_factor
from labs.kit.terminal import colour_wanted
from labs.kit.tmux import split_options
from labs.kit.transcript import Transcript
from tests.unit.labs.views import LAB, PARAMS
from tests.unit.labs.worlds import spread, task, world


def test_guided_values_are_those_of_the_notes() -> None:
    assert (PARAMS.service, PARAMS.port, PARAMS.start, PARAMS.target) == ("web", 80, 5, 10)
    assert PARAMS.values()["url"] == "http://worker1/"


def test_every_seed_gives_a_lab_that_can_be_solved() -> None:
    drawn = [LAB.params(f"student-{number}") for number in range(1000)]
    for params in drawn:
        assert params.low < params.start < params.target and params.low < params.middle < params.target
        assert params.enough != params.middle and params.low < params.enough <= params.most
        assert params.traffic / params.enough <= 0.951 * params.rate
        assert len(params.service) <= 32
    assert len({(params.service, params.port, params.target) for params in drawn}) > 500
    assert LAB.params("x").values() == LAB.params("x").values()


@pytest.mark.parametrize(("kind", "text", "answer"), [
    ("split", "3,4,3", "4/3/3"), ("split", "4/3/3", "4/3/3"), ("split", "3 3 4", "4/3/3"), ("split", "ten", None),
    ("split", "10", None), ("yesno", "Oui", "yes"), ("yesno", "n", "no"), ("yesno", "perhaps", None),
])
def test_predictions_are_read_in_any_spelling(kind: str, text: str, answer: str | None) -> None:
    assert read(kind, text) == answer


@pytest.mark.parametrize(("kind", "text", "answer"), [
    ("number", "20,50 s", "20.5"), ("number", "4", "4"), ("number", "four", None),
    ("address", "10.0.1.3/24", "10.0.1.3"), ("address", "worker1", None),
    ("addresses", "10.0.1.10, 10.0.1.9", "10.0.1.9 10.0.1.10"), ("addresses", "10.0.1.10 x", None),
    ("words", "a7, A2 a2", "A2 A7"), ("words", " ", None),
    ("numbers", "0,0 1; 10", "0 0 1 10"), ("numbers", "0 one", None), ("numbers", " ", None),
])
def test_answers_are_read_in_any_spelling(kind: str, text: str, answer: str | None) -> None:
    assert read(kind, text) == answer


def test_the_solution_predicts_what_an_even_spread_gives() -> None:
    for number in range(100):
        params = LAB.params(f"s{number}")
        even = split([sum(n % 3 == host for n in range(params.target)) for host in range(3)])
        assert params.predict_P1 == even


def test_values_are_drawn_by_their_shape() -> None:
    table = {"a": [3, 5], "b": ["x", "y"], "name": "db-?"}
    drawn = [graded(table, str(number), {"c": 7, "a": 0}) for number in range(200)]
    assert {params.a for params in drawn} == {3, 4, 5} and {params.b for params in drawn} == {"x", "y"}
    assert len({params.name for params in drawn}) > 50 and all(params.name.startswith("db-") for params in drawn)
    assert {params.c for params in drawn} == {7}
    with pytest.raises(AttributeError, match="no value 'port'"):
        _ = drawn[0].port
    assert "url" not in drawn[0].values()


def test_progress_is_plain_text_and_comes_back() -> None:
    kept = Progress("03-scaling", "s 1", 4, 61.0, {"up": 2}, {"P1": "4/3/3"}, {"sc10"}, {"sc2", "sc10"}, True)
    text = kept.to_text()
    assert text.startswith(HEAD) and "predicted P1 4/3/3\n" in text
    assert from_text(text, "03-scaling") == kept


def test_progress_of_a_newer_kit_is_not_refused() -> None:
    assert from_text("step 3\nsomething new\nstep x\n", "03-scaling").step == 3


def test_a_run_lies_in_the_clusters_directory(tmp_path: Path) -> None:
    run_dir, home = tmp_path / "run", tmp_path / "home"
    run_dir.mkdir()
    store = Store("a", run_dir, home=home)
    assert store.run() is None and store.progress("03-scaling").step == 0
    store.save_run(Run("03-scaling", None, History()))
    store.save_progress(Progress("03-scaling", step=2))
    assert Store("a", run_dir, home=home).run() == Run("03-scaling", None, History())
    assert (home / "progress" / "a.txt").exists() and (run_dir / "lab.json").exists()


def test_a_solution_does_not_touch_a_students_progress(tmp_path: Path) -> None:
    student = Store("a", tmp_path, scratch=False, home=tmp_path)
    student.save_progress(Progress("03-scaling", step=5))
    solving = Store("a", tmp_path, scratch=True, home=tmp_path)
    solving.save_run(Run("03-scaling", None, History(), scratch=True))
    solving.save_progress(Progress("03-scaling", step=9))
    assert student.progress("03-scaling").step == 5
    assert Store("a", tmp_path, home=tmp_path).progress("03-scaling").step == 9


def test_a_damaged_run_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text('{"lab": ')
    assert Store("a", tmp_path, home=tmp_path).run() is None


def test_where_progress_is_kept() -> None:
    assert state_home({"XDG_STATE_HOME": "/s"}) == Path("/s/swarm-lab-kit")
    assert state_home({"HOME": "/h"}) == Path("/h/.local/state/swarm-lab-kit")


def test_transcripts_leave_out_what_a_terminal_writes_over() -> None:
    written: list[str] = []
    transcript = Transcript(written.append)
    for chunk in ("web scaled to 2\r\noverall progress: 0 out", " of 2 tasks \r\n1/2:  \r\n",
                  "\x1b[2A\x1b[2K1/2: running", "\x1b[2B\x1b[1A\x1b[2Kverify: Waiting 5 seconds",
                  "\x1b[1B\x1b[2Kverify: Service web converged\x1b[1B\r\n"):
        transcript.show(chunk)
    assert "".join(written) == "web scaled to 2\nverify: Service web converged\n"


def test_the_picture_draws_what_the_kernel_shows() -> None:
    tasks = [*spread(2), task(3, "worker2"), task(4, "worker1", state="preparing"),
             task(5, "worker1", desired="remove")]
    columns = draw(world(tasks, 4, dead=[3], strangers=[("manager1", "nginx")]), "web")
    assert [[card.state for card in column.cards] for column in columns] == [
        [LIVES, STRANGER], [LIVES, STARTS, LEAVES], [GHOST]]


def test_an_unknown_lab_names_those_there_are() -> None:
    with pytest.raises(UnknownLab, match="03-scaling"):
        find_lab("03-scalign")
    assert find_lab("03").id == find_lab("3").id == "03-scaling"


@pytest.mark.parametrize(("environ", "terminal", "plain", "wanted"), [
    ({}, True, False, True), ({"NO_COLOR": "1"}, True, False, False), ({"TERM": "dumb"}, True, False, False),
    ({}, False, False, False), ({}, True, True, False),
])
def test_colour(environ: dict[str, str], terminal: bool, plain: bool, wanted: bool) -> None:
    assert colour_wanted(environ, terminal, plain) is wanted


def test_panes_are_side_by_side_only_where_there_is_room() -> None:
    assert split_options(150) == ["-h", "-l", "67"] and split_options(132) == ["-h", "-l", "50"]
    assert split_options(80)[0] == "-v"


def test_a_slow_machine_is_measured_as_slow() -> None:
    ticks = iter([0.0, 0.03, 0.0, 100.0])
    assert speed_factor(lambda: next(ticks)) == 2.5
    assert speed_factor(lambda: next(ticks)) == 10.0
