"""After any story, the kernel of every node carries what the Engine API says there is: nothing more, nothing less.

`NET_SEQUENCES=200` tells 200 stories, `NET_SEED=17` the one that failed. What is expected is computed from the API
alone (`net_facts`); the last test breaks the engine on purpose, and sees that this is noticed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.hosts import NODES, Hosts
from tests.engine.net_facts import World, container_of, differences, expected, names, seen
from tests.engine.net_mutant import FILE, MISTAKES
from tests.engine.net_story import LATE, Story, restless
from tests.waiting import wait_for
from topologies import clusters

SEQUENCES = int(os.environ.get("NET_SEQUENCES", "3"))
SEEDS = [int(os.environ["NET_SEED"])] if "NET_SEED" in os.environ else list(range(SEQUENCES))
pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(180 + 120 * len(SEEDS))]
PROBE = Path(__file__).parent / "net_probe.py"
GRACE = 30.0
"""Seconds from a quiet swarm to kernels that agree: one, and the rest for a machine that is busy."""


@contextmanager
def swarm() -> Iterator[Story]:
    """Three nodes whose swarmd can be told to make a mistake. One that is silent is down after a few seconds."""
    cluster = clusters.start("three_nodes", f"agree{os.getpid()}", daemon="tests.engine.net_mutant")
    try:
        story = Story(Hosts(cluster, Path("docker")))
        story.manager.post("/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.7.0.1",
                                           "Spec": {"Dispatcher": {"HeartbeatPeriod": 2 * 10**9}}})
        token = story.manager.get("/swarm")["JoinTokens"]["Worker"]
        for host in NODES[1:]:
            story.engines[host].post("/swarm/join", {
                "ListenAddr": "0.0.0.0:2377", "RemoteAddrs": ["10.7.0.1:2377"], "JoinToken": token})
        yield story
    finally:
        cluster.stop()


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with swarm() as made:
        yield made


def quiet(story: Story) -> World:
    """The API's word, once nothing is on its way any more."""
    worlds: list[World] = []

    def looked() -> bool:
        worlds[:] = [story.world()]
        return not restless(worlds[0])

    try:
        wait_for(looked, "the swarm is quiet", LATE, every=0.1)
    except AssertionError as late:
        raise AssertionError(f"{late}: {restless(worlds[0])} after {story.told}") from None
    return worlds[0]


def disagreements(story: Story, world: World) -> list[str]:
    """Of all nodes that are up, in words."""
    up = {id_: world.host(id_) for id_ in world.nodes if not world.is_down(id_)}
    asked = {container_of(task): names(world) for task in world.living()}
    with ThreadPoolExecutor(len(up)) as pool:
        probes = dict(zip(up, pool.map(lambda host: probe(story, host, asked), up.values()), strict=True))
    return [f"{up[id_]}: {sentence}" for id_, found in probes.items()
            for sentence in differences(expected(world, id_), seen(world, id_, found))]


def probe(story: Story, host: str, asked: dict[str, list[str]]) -> dict[str, object]:
    argv = story.hosts.cluster.enter_argv(host, ["/usr/bin/python3", str(PROBE)])
    done = subprocess.run(argv, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def agree(story: Story, seed: object, grace: float = GRACE) -> None:
    """Fails with what differs and the story that led there."""
    last: list[str] = []

    def looked() -> bool:
        last[:] = disagreements(story, quiet(story))
        return not last

    try:
        wait_for(looked, "all kernels agree", grace)
    except AssertionError:
        told = "\n  ".join(story.told)
        raise AssertionError("\n".join([f"NET_SEED={seed} tells it again:", f"  {told}", *last[:20]])) from None


def tell(story: Story, seed: int) -> None:
    story.begin(seed)
    for _ in range(story.random.randrange(4, 10)):
        story.step()
        if story.random.random() < 0.4:
            agree(story, seed)
    agree(story, seed)
    story.told.append("all removed")
    story.clear()
    agree(story, seed)


def test_every_kernel_agrees_with_the_api_after_any_story(story: Story) -> None:
    for seed in SEEDS:
        tell(story, seed)
        print(f"{seed}: {len(story.told)} steps", flush=True)


def two_services(story: Story) -> None:
    story.told = ["two services on a network; one is scaled down, the other removed"]
    story.manager.post("/networks/create", {"Name": "n0", "Driver": "overlay"})
    for name in ("s0", "s1"):
        story.manager.post("/services/create", {
            "Name": name, "Mode": {"Replicated": {"Replicas": 3}}, "TaskTemplate": {
                "ContainerSpec": {"Image": "tools:latest", "Command": ["sleep", "100000"], "StopSignal": "SIGKILL"},
                "Networks": [{"Target": "n0"}]}})
    quiet(story)


def scale_and_remove(story: Story) -> None:
    service = story.manager.get("/services/s0")
    story.change(service, {**service["Spec"], "Mode": {"Replicated": {"Replicas": 2}}})
    story.manager.delete("/services/s1")


def test_an_engine_that_makes_a_mistake_is_found_out(story: Story) -> None:
    found = {}
    for mistake in ("", *MISTAKES):
        for host in NODES:
            story.hosts.shell(host, f"printf %s '{mistake}' > {FILE}")
        two_services(story)
        if mistake != MISTAKES[3]:
            scale_and_remove(story)
        try:
            agree(story, mistake, grace=GRACE if not mistake else 3)
            found[mistake] = ""
        except AssertionError as error:
            found[mistake] = str(error)
        for host in NODES:
            story.hosts.shell(host, f"rm {FILE}")
        story.clear()
        agree(story, "after a mistake")
    assert found[""] == ""
    assert "forwarding to nodes" in found[MISTAKES[0]], found
    assert "names: wanted" in found[MISTAKES[1]], found
    assert "virtual addresses" in found[MISTAKES[2]], found
    assert "forwarding to nodes" in found[MISTAKES[3]], found
