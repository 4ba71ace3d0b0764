"""Lab 03 on a real cluster: untouched earns nothing, each wrong answer is told by its own name."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from labs.kit.folder import find_lab
from labs.kit.judge import FAILED, Result, score
from labs.kit.play import Player
from labs.kit.referee import Referee
from labs.kit.results import as_json
from labs.kit.running import judge_now
from labs.kit.session import start_again
from labs.kit.typist import Typist

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(180)]
LAB = find_lab("03-scaling")


def typed(referee: Referee, script: str) -> list[Result]:
    """Type the script in the students' shells, and judge what it made."""
    typist = Typist(referee.eyes.cluster, lambda text: None, "en")
    try:
        Player(referee, typist).play(script)
    finally:
        typist.close()
    return judge_now(referee, final=False)


def test_an_untouched_lab_earns_nothing(scaling: Referee) -> None:
    results = judge_now(scaling, final=False)
    assert score(results) == 0
    assert not [result for result in results if result.status == "error" or result.mistake]


def test_the_evidence_is_quick(scaling: Referee) -> None:
    took = min(scaling.eyes.cluster.call("evidence", tables=["links", "nft"])["seconds"] for _ in range(5))
    assert took < 0.15 * scaling.run.speed


def test_results_as_json_can_be_read_by_programs(scaling: Referee) -> None:
    words = LAB.words("en", scaling.params)
    text = json.dumps(as_json(scaling, judge_now(scaling, final=False), words, scaling.params.target))
    data = json.loads(text)
    assert (data["score"], data["max_score"], data["schema"]) == (0, 20, 1)
    assert {check["id"] for check in data["checks"]} >= {"sc2", "sc3", "sc6", "sc12", "p"}
    assert all(check["sentence"] and check["where"] for check in data["checks"])


LONG = os.environ.get("LAB_LONG") == "1"
QUICK = random.Random(os.environ.get("LAB_SEED", "1")).sample(sorted(LAB.wrong()), 4)
"""All thirteen take four minutes: LAB_LONG=1."""


@pytest.mark.parametrize("code", sorted(LAB.wrong()) if LONG else QUICK)
def test_each_wrong_answer_is_rejected_with_its_own_code(scaling: Referee, code: str) -> None:
    start_again(scaling, lambda key: None)
    results = typed(scaling, LAB.wrong()[code].read_text(encoding="utf-8"))
    assert {result.mistake for result in results if result.status == FAILED} - {""} == {code}
    assert score(results) < 20


def test_reset_gives_the_lab_back_as_it_was(scaling: Referee, own_state: Path) -> None:
    start_again(scaling, lambda key: None)
    world = scaling.see()
    assert list(world.services) == ["web"] and len(world.live("web")) == 5 and not world.strangers()
    assert all(node.active for node in world.nodes)
    assert score(judge_now(scaling, final=False)) == 0
