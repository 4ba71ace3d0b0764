"""What is printed once fits a narrow terminal: `lab list`, `lab status`, `lab why`; in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from labs.kit.cluster_commands import listed
from labs.kit.folder import all_labs, read_lab
from labs.kit.listing import Row, rows, table
from labs.kit.notes import read_notes
from labs.kit.progress import Progress
from labs.kit.style import length
from labs.kit.why import explanation, plan
from labs.kit.words import LANGUAGES, kit_words

LABS = [read_lab(path) for path in all_labs()]
WIDTHS = [40, 60, 80, 120]


def host(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "address": "10.7.0.100", "role": "manager", "on": True, "cut": False, "links": [],
            "swarmd": {"running": True, "restarts": 0}, **facts}


STATES = [{"name": "03-scaling", "topology": "three_nodes", "ready": True, "hosts": [
    host("manager1", cut=True, links=[{"rate": "10mbit", "delay": "20ms", "loss": ""}]),
    host("worker1", swarmd={"running": False, "last_status": -9, "restarts": 12}),
    host("worker2", on=False), host("client", swarmd=None)]}]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_list_of_labs_fits(width: int, lang: str) -> None:
    going = [(lab, Progress(lab.id, step=number % 3, finished=number % 4 == 3, challenge=number % 2 == 0))
             for number, lab in enumerate(LABS)]
    lines = table(rows(going, read_notes(), kit_words(lang)), width)
    assert max(map(len, lines)) <= width
    assert [lab.id for lab in LABS if not any(line.startswith(lab.id) for line in lines)] == []
    assert len(lines) == len(rows(going, read_notes(), kit_words(lang))) or width < 100


def test_one_line_a_lab_where_there_is_room() -> None:
    row = Row("03-scaling", "Scaling", "25 min", "step 3/10")
    assert table([row], 40) == ["03-scaling  Scaling  25 min  step 3/10"]
    assert table([row], 30) == ["03-scaling  Scaling", "            25 min  step 3/10"]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_what_runs_fits(width: int, lang: str) -> None:
    lines = listed(STATES, kit_words(lang), width)
    assert max(map(len, lines)) <= width
    assert [one["name"] for one in STATES[0]["hosts"] if not any(one["name"] in line for line in lines)] == []
    assert listed([], kit_words(lang), width)


def test_what_was_done_to_a_host_is_said_in_french() -> None:
    text = "\n".join(listed(STATES, kit_words("fr"), 120))
    for said in ("swarmd tourne, câble débranché, ralenti, 10mbit, 20ms", "arrêté avec l'état -9, relancé 12 fois",
                 "éteint (lab host worker2 start)", "hors du swarm"):
        assert said in text


NODES = [{"Hostname": name, "Refusals": [
    {"Filter": "resource", "Facts": {"memory_mib": "921600", "free_memory_mib": "24105.559"}},
    {"Filter": "constraint", "Facts": {"key": "node.labels.disk", "operator": "==", "value": "ssd"}}]}
    for name in ("manager1", "worker1")]
WAITING = [{"Name": f"web.{number}", "State": "pending", "DesiredState": "running", "Message": "",
            "Err": "no suitable node (insufficient resources on 3 nodes)", "Last": "", "Nodes": NODES}
           for number in range(1, 4)]
MOVES = [{"Name": "web", "On": False, "Hindrance": "", "Moves": [
    {"Task": "web.1", "From": "manager1", "To": "worker2", "CountFrom": 12, "CountTo": 3}]}]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_why_fits(width: int, lang: str) -> None:
    words = kit_words(lang)
    for shown in (explanation(WAITING, "web", words, width), explanation([], "web", words, width),
                  plan(MOVES, words, width), plan([], words, width)):
        assert max(length(line) for line in shown) <= width
