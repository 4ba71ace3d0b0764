"""After any story, the kernel of every node carries what the Engine API says there is: nothing more, nothing less.

`NET_SEQUENCES=200` tells 200 stories, `NET_SEED=17` others. A story that fails is made smaller by hypothesis, which
prints what is left of it. What is expected is computed from the API alone (`net_facts`); the last test breaks the
engine on purpose, and sees that this is noticed; `NET_MISTAKE='keeps a name'` lets the stories find it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.engine.net_facts import IPV6, KEEPS
from tests.engine.net_mutant import MISTAKES
from tests.engine.net_stage import Stage, agree, quiet, tell
from tests.engine.net_steps import Look, Step, stories
from tests.engine.net_story import Story

SEQUENCES = int(os.environ.get("NET_SEQUENCES", "3"))
SEED = int(os.environ.get("NET_SEED", "0"))
FAILING = 900
"""Seconds: hypothesis makes a failure smaller for five minutes, and tells the last story to its end."""
ROUND = settings(max_examples=10, database=None, deadline=None, print_blob=True, report_multiple_bugs=False,
                 phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck))
"""Ten are as different as can be; later ones hypothesis makes from earlier ones."""
pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(FAILING + 120 * SEQUENCES)]
needs_ipv6 = pytest.mark.skipif(not IPV6, reason="this kernel has no IPv6")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    made = Stage(os.environ.get("NET_MISTAKE", ""))
    try:
        yield made
    finally:
        made.close()


def test_every_kernel_agrees_with_the_api_after_any_story(stage: Stage) -> None:
    told: dict[str, int] = {}

    def any_story(steps: list[Step]) -> None:
        if len(told) >= SEQUENCES or str(steps) in told or not any(type(step) is not Look for step in steps):
            return
        with stage.bare() as story:
            tell(story, steps, stage.grace)
        told[str(steps)] = len(steps)
        print(f"{len(told)} stories of {sum(told.values())} steps, NET_SEED={SEED}", flush=True)

    numbers = itertools.count(SEED * 1000)
    while len(told) < SEQUENCES:
        seed(next(numbers))(ROUND(given(stories())(any_story)))()


def two_services(story: Story) -> None:
    """On a network with IPv6 and on the mesh, one of them sees its clients; the other has a port of each host's."""
    story.told = ["two services on a network; one is scaled down, the other removed"]
    story.manager.post("/networks/create", {
        "Name": "n0", "Driver": "overlay", "EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "fd00::/64"}]}})
    shown = {"s0": ("ingress", 8000, KEEPS), "s1": ("host", 9010, {})}
    for name, (mode, number, labels) in shown.items():
        story.manager.post("/services/create", {
            "Name": name, "Labels": labels, "Mode": {"Replicated": {"Replicas": 3}}, "TaskTemplate": {
                "ContainerSpec": {"Image": "tools:latest", "Command": ["sleep", "100000"], "StopSignal": "SIGKILL"},
                "Networks": [{"Target": "n0"}]},
            "EndpointSpec": {"Ports": [{"Protocol": "udp", "TargetPort": 53, "PublishedPort": number,
                                        "PublishMode": mode}]}})
    quiet(story)


def scale_and_remove(story: Story) -> None:
    service = story.manager.get("/services/s0")
    story.change(service, {**service["Spec"], "Mode": {"Replicated": {"Replicas": 2}}})
    story.manager.delete("/services/s1")


def noticed(stage: Stage, mistake: str) -> str:
    """What is said of an engine with this mistake, "" if nothing."""
    said = ""
    with stage.bare() as story:
        stage.make(mistake)
        two_services(story)
        if MISTAKES.get(mistake, "").startswith("after a change: "):
            scale_and_remove(story)
        try:
            agree(story, 3)
        except AssertionError as error:
            said = str(error)
    return said


@needs_ipv6
def test_an_engine_that_makes_a_mistake_is_found_out(stage: Stage) -> None:
    with stage.bare() as story:
        two_services(story)
        agree(story, stage.grace)
        scale_and_remove(story)
        agree(story, stage.grace)
    for mistake, words in MISTAKES.items():
        assert words.removeprefix("after a change: ") in noticed(stage, mistake) != "", mistake
