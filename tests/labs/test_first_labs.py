"""Labs 00 to 02 on real clusters: untouched earns nothing, the solution all, each wrong answer has its name."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from labs.kit.folder import all_labs, find_lab
from labs.kit.judge import FAILED, Result, score
from labs.kit.play import Player
from labs.kit.referee import Referee
from labs.kit.running import judge_now
from labs.kit.session import open_session, start_again
from labs.kit.typist import Typist

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]
FIRST = ("00-one-container", "01-cluster", "02-first-service")
LABS = [path.name for path in all_labs() if path.name in FIRST]
WRONG = [(name, code) for name in LABS for code in find_lab(name).wrong()]


@pytest.fixture(scope="module")
def referees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Referee]]:
    """A cluster for each lab, as given; tests that change it put it back with `start_again`."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield {name: stack.enter_context(
            open_session(find_lab(name), f"t{uuid.uuid4().hex[:8]}", None, lambda key: None)) for name in LABS}


def typed(referee: Referee, script: str, *, final: bool = False) -> list[Result]:
    """Type the script in the students' shells, and judge what it made."""
    typist = Typist(referee.eyes.cluster, lambda text: None, "en")
    try:
        Player(referee, typist).play(script)
    finally:
        typist.close()
    return judge_now(referee, final=final)


@pytest.mark.parametrize("name", LABS)
def test_untouched_earns_nothing_and_the_solution_all(referees: dict[str, Referee], name: str) -> None:
    referee = referees[name]
    start_again(referee, lambda key: None)
    results = judge_now(referee, final=False)
    assert score(results) == 0
    assert not [result for result in results if result.status == "error" or result.mistake]
    assert score(typed(referee, referee.lab.solution(), final=True)) == referee.max_points == 20


@pytest.mark.parametrize(("name", "code"), WRONG)
def test_each_wrong_answer_is_rejected_with_its_own_code(referees: dict[str, Referee], name: str, code: str) -> None:
    referee = referees[name]
    start_again(referee, lambda key: None)
    results = typed(referee, referee.lab.wrong()[code].read_text(encoding="utf-8"))
    assert {result.mistake for result in results if result.status == FAILED} - {""} == {code}
    assert score(results) < 20
