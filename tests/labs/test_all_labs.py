"""Every lab on a real cluster, by the same rules: untouched earns nothing, the solution everything, each wrong answer
is told by its own name. One cluster a lab. LAB_LONG=1 types every wrong answer; otherwise two, drawn by LAB_SEED.

Lab 03 has tests of its own besides (test_scaling.py).
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Iterator

import pytest

from labs.kit.folder import Lab, all_labs, read_lab
from labs.kit.judge import FAILED, Result, score
from labs.kit.play import Player
from labs.kit.referee import Referee
from labs.kit.running import judge_now
from labs.kit.session import open_session, start_again
from labs.kit.typist import Typist
from labs.kit.words import read_toml

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(300)]
LABS = {path.name: read_lab(path) for path in all_labs() if path.name != "03-scaling"}
LONG = os.environ.get("LAB_LONG") == "1"
SEED = os.environ.get("LAB_SEED", "1")
QUICK = 2


def chosen(lab: Lab) -> list[str]:
    """The wrong answers to type in this run."""
    codes = sorted(lab.wrong())
    return codes if LONG else random.Random(f"{SEED}/{lab.id}").sample(codes, min(QUICK, len(codes)))


CASES = [(name, case) for name, lab in LABS.items() for case in ("untouched", *chosen(lab), "solution")]


@pytest.fixture(scope="module")
def referee(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Referee]:
    """One cluster with the lab as given."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with open_session(LABS[request.param], f"t{uuid.uuid4().hex[:8]}", None, lambda key: None) as opened:
            yield opened


def typed(referee: Referee, script: str, *, final: bool = False) -> list[Result]:
    """Type the script in the students' shells, and judge what it made."""
    typist = Typist(referee.eyes.cluster, lambda text: None, "en")
    try:
        Player(referee, typist).play(script)
    finally:
        typist.close()
    return judge_now(referee, final=final)


@pytest.mark.parametrize(("referee", "case"), CASES, indirect=["referee"], scope="module")
def test_lab(referee: Referee, case: str) -> None:
    start_again(referee, lambda key: None)  # pytest orders the cases as it likes
    if case == "untouched":
        results = judge_now(referee, final=False)
        assert score(results) == 0
        assert not [result for result in results if result.status == "error" or result.mistake]
        return
    if case == "solution":
        results = typed(referee, referee.lab.solution(), final=True)
        assert score(results) == referee.max_points == 20, [r for r in results if r.points < r.max_points]
        return
    results = typed(referee, referee.lab.wrong()[case].read_text(encoding="utf-8"))
    assert {result.mistake for result in results if result.status == FAILED} - {""} == {case}
    assert score(results) < 20


@pytest.mark.parametrize("name", LABS)
def test_a_lab_has_enough_wrong_answers_each_with_words(name: str) -> None:
    lab = LABS[name]
    assert len(lab.wrong()) >= 8
    for lang in ("fr", "en"):
        assert set(lab.wrong()) <= set(read_toml(lab.path / f"lab.{lang}.toml")["mistakes"])
