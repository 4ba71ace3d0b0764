"""A hand-in is made by typing, as students do, and played again: numbers that mean something in the first cluster
only lead to the same in the second one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.kit.events import EVENTS_FILE, read_events
from labs.kit.folder import find_lab
from labs.kit.grading.handin import HandIn, bundle
from labs.kit.grading.pool import grade_all
from labs.kit.grading.submit import pack, typed
from labs.kit.session import open_session
from labs.kit.typist import Typist
from tests.waiting import wait_for
from topologies.cluster import Cluster

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(400)]
LAB = find_lab("00-one-container")
NUMBERS = "true; " * 40
"""Processes that come and go: those of the replay have other numbers."""


@pytest.fixture
def host(own_base: Path) -> Iterator[tuple[Typist, Cluster]]:
    """manager1 of lab 00, to type at."""
    with open_session(LAB, f"t{uuid.uuid4().hex[:8]}", None, lambda key: None, scratch=True) as referee:
        cluster = referee.eyes.cluster
        assert isinstance(cluster, Cluster)
        typist = Typist(cluster, lambda text: None, "en")
        try:
            yield typist, cluster
        finally:
            typist.close()


def number(typist: Typist, what: str) -> str:
    """What a student reads from the screen and types again."""
    def shown() -> list[str]:
        return [word for word in typist.type("manager1", what).split() if word.isdigit() and int(word) > 1]

    return wait_for(shown, what, 30, every=0.5)[-1]


def handed_in(cluster: Cluster) -> HandIn:
    results = {"lab": LAB.id, "seed_id": None, "lab_hash": "", "host_facts": {}}
    events = read_events(cluster.outside / EVENTS_FILE)
    commands = typed(cluster.run_dir, [one.name for one in cluster.hosts], events)
    return bundle("s", pack("s", results, {}, commands, cluster.outside))


def test_literal_numbers_lead_to_their_counterparts(host: tuple[Typist, Cluster]) -> None:
    typist, cluster = host
    typist.type("manager1", f"for i in 1 2 3; do {NUMBERS}/bin/true; done")
    typist.type("manager1", "docker run -d --name web -p 80:80 nginx")
    first = number(typist, "docker inspect -f '{{.State.Pid}}' web")
    typist.type("manager1", f"kill -9 {first}")
    typist.type("manager1", "docker run -d --restart=always --name web2 -p 81:80 nginx")
    short = typist.type("manager1", "docker ps -q --no-trunc").split()[-7:]
    box = next(word for word in short if len(word) == 64)[:6]
    second = number(typist, f"docker inspect -f '{{{{.State.Pid}}}}' {box}")
    typist.type("manager1", f"kill -9 {second}")
    wait_for(lambda: "1" in typist.type("manager1", f"docker inspect -f '{{{{.RestartCount}}}}' {box}"), "back", 30)
    hand_in = handed_in(cluster)
    named = {one.word: one.name for command in hand_in.commands for one in command.literals}
    assert named == {first: "web", second: "web2", box: "web2"}
    [found] = grade_all([hand_in], "en", 1)
    states = {check["id"]: check["status"] for check in found["checks"]}
    assert (states["oc3"], states["oc5"]) == ("passed", "passed"), found
    assert not found["notes"], found["notes"]
