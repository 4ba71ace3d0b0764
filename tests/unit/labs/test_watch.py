"""`lab watch`: a change in words."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kit.watch_command import told
from labs.kit.words import kit_words

HOSTS = {"n1": "worker1"}


def task(state: str, wanted: str = "running", node: str = "", err: str = "") -> dict[str, Any]:
    return {"Status": {"State": state, "Err": err}, "DesiredState": wanted, "NodeID": node}


@pytest.mark.parametrize(("new", "old", "english"), [
    (task("new"), None, "new"),
    (task("assigned", node="n1"), task("pending"), "pending → assigned   on worker1"),
    (task("running", "shutdown", "n1"), task("running", node="n1"), "wanted: running → shutdown"),
    (task("failed", node="n1", err="exit 1"), task("running", node="n1"), "running → failed   exit 1"),
    (task("running", node="n1"), task("running", node="n1"), "is changed"),
])
def test_a_step_of_a_task(new: dict[str, Any], old: dict[str, Any] | None, english: str) -> None:
    event = {"Action": "update" if old else "create", "Kind": "task", "Name": "web.1", "Object": new}
    line = told(event | ({"OldObject": old} if old else {}), kit_words("en"), HOSTS)
    assert line.split(maxsplit=2) == ["task", "web.1", english]


def test_the_other_kinds_are_made_changed_and_gone_in_french_too() -> None:
    lines = [told({"Action": action, "Kind": "service", "Name": "web", "Object": {}}, kit_words("fr"), HOSTS)
             for action in ("create", "update", "remove")]
    assert [line.split(maxsplit=2)[2] for line in lines] == ["est créé", "est modifié", "a disparu"]
