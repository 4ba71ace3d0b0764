"""`lab why`: the manager's facts as sentences, in both languages, each with what would help."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kit.style import paint_all
from labs.kit.why import explanation, plan
from labs.kit.words import LANGUAGES, kit_words
from swarmkit_py.manager.scheduler.explain import _FACTS


def waiting(**more: Any) -> dict[str, Any]:
    return {"Name": "web.1", "State": "pending", "DesiredState": "running", "Err": "no suitable node (…)",
            "Message": "", "Last": "", "Nodes": [], **more}


def on(host: str, *refusals: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {"Hostname": host, "Refusals": [{"Filter": name, "Facts": facts} for name, facts in refusals]}


EVERY = [
    ("ready", {"state": "down"}), ("ready", {"availability": "drain"}),
    ("resource", {"cpus": "3", "free_cpus": "2"}), ("resource", {"memory_mib": "3", "free_memory_mib": "2"}),
    ("resource", {"generic": "2 gpu", "free_generic": "1 gpu"}),
    ("plugin", {"missing": "Log/syslog"}),
    ("constraint", {"key": "node.labels.rack", "operator": "==", "value": "a", "has": ""}),
    ("constraint", {"key": "node.labels.rack", "operator": "==", "value": "a", "has": "b"}),
    ("constraint", {"key": "node.labels.rack", "operator": "!=", "value": "a", "has": "a"}),
    ("constraint", {"key": "node.role", "operator": "==", "value": "manager", "has": "worker"}),
    ("platform", {"wanted": "linux/arm64", "has": "linux/x86_64"}),
    ("host port", {"ports": "8090/tcp", "by": "hp.1"}), ("max replicas", {"limit": "1", "here": "1"}),
]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_refusal_has_its_sentence_and_its_help(lang: str) -> None:
    assert {name for name, _ in EVERY} == set(_FACTS)
    text = paint_all(explanation([waiting(Nodes=[on("worker1", *EVERY)])], "web", kit_words(lang)), False)
    assert text.count("→ ") == len(EVERY)
    assert "–" not in text, "a hole that nothing filled"
    assert "docker node update --label-add rack=a worker1" in text


def test_tasks_that_wait_for_the_same_are_told_of_together() -> None:
    tasks = [waiting(Name=f"web.{n}") for n in range(1, 7)] + [waiting(Name="web.7", State="new")]
    text = paint_all(explanation(tasks, "web", kit_words("en")), False)
    assert "web.1, web.2, web.3, web.4, … (6): waits for a node" in text
    assert "web.7: waits for what the allocator gives" in text


def test_nothing_waits() -> None:
    assert paint_all(explanation([], "web", kit_words("en")), False) == (
        "web: every task that is meant to run does.")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("hindrance", ["not replicated", "updating", "volumes", "under way"])
def test_every_hindrance_of_the_rebalancer_has_words(lang: str, hindrance: str) -> None:
    service = {"Name": "web", "On": True, "Hindrance": hindrance, "Moves": []}
    assert len(plan([service], kit_words(lang))) == 2


def test_a_plan_and_how_to_let_it_happen() -> None:
    move = {"Task": "web.3", "From": "worker1", "To": "worker2", "CountFrom": 3, "CountTo": 0}
    service = {"Name": "web", "On": False, "Hindrance": "", "Moves": [move]}
    text = paint_all(plan([service], kit_words("en")), False)
    assert "web.3: from worker1 (has 3) to worker2 (has 0)" in text
    assert "--label-add swarmkit.rebalance=on" in text
