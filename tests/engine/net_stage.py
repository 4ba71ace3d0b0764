"""The swarm that stories are told to, and the looking at its kernels. One cluster serves many stories: each has to
find it bare and to leave it bare, kernels and all, which is checked; one that does not is thrown away."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.engine.hosts import Hosts
from tests.engine.net_facts import differences, expected, insides, names
from tests.engine.net_mutant import FILE
from tests.engine.net_seen import seen
from tests.engine.net_steps import NODES, Look, Step
from tests.engine.net_story import LATE, Story
from tests.engine.net_world import World, bare, restless
from tests.waiting import wait_for
from topologies import clusters

PROBE = Path(__file__).parent / "net_probe.py"
GRACE = 30.0
"""Seconds from a quiet swarm to kernels that agree: one, and the rest for a machine that is busy."""
HASTE = 5.0
"""The same while a failure is made smaller: the stories that do not fail any more may be taken for failing ones then,
but only on a machine that is very busy."""


class Stage:
    def __init__(self, mistake: str = "") -> None:
        self.mistake, self.grace = mistake, GRACE
        self._numbers = itertools.count()
        self._cluster: clusters.Cluster | None = None
        self._story: Story | None = None

    @contextmanager
    def bare(self) -> Iterator[Story]:
        """A swarm with nothing in it, to which it returns."""
        story = self._story or self._start()
        story.told = []
        try:
            yield story
        except BaseException:
            self.grace = HASTE
            try:
                self._cleared(story)
            except Exception:  # noqa: BLE001 - whatever it is, the failure before it is what counts
                self.close()
            raise
        try:
            self._cleared(story)
        except BaseException:
            self.close()
            raise

    def _start(self) -> Story:
        """Three nodes whose swarmd can be told to make a mistake. One that is silent is down after a few seconds."""
        name = f"agree{os.getpid()}-{next(self._numbers)}"
        self._cluster = clusters.start("three_nodes", name, daemon="tests.engine.net_mutant")
        story = Story(Hosts(self._cluster, Path("docker")))
        story.manager.post("/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.7.0.1",
                                           "Spec": {"Dispatcher": {"HeartbeatPeriod": 2 * 10**9}}})
        token = story.manager.get("/swarm")["JoinTokens"]["Worker"]
        for host in NODES[1:]:
            story.engines[host].post("/swarm/join", {
                "ListenAddr": "0.0.0.0:2377", "RemoteAddrs": ["10.7.0.1:2377"], "JoinToken": token})
        self._story = story
        self.make(self.mistake)
        self._cleared(story)
        return story

    def make(self, mistake: str) -> None:
        """Every node makes this mistake from now on, none for ""."""
        assert self._story is not None
        for host in NODES:
            self._story.hosts.shell(host, f"printf %s '{mistake}' > {FILE}" if mistake else f"rm -f {FILE}")

    def _cleared(self, story: Story) -> None:
        told = [*story.told, "all removed"]
        story.power_on()
        self.make("")
        story.clear()
        left = bare(story.world())
        assert not left, f"left: {left} after {told}"
        agree(story, GRACE)
        self.make(self.mistake)

    def close(self) -> None:
        cluster, self._cluster, self._story = self._cluster, None, None
        if cluster is not None:
            cluster.stop()


def tell(story: Story, steps: list[Step], grace: float) -> None:
    """Do them all; kernels are looked at where the story says so, and in the end."""
    for step in steps:
        if isinstance(step, Look):
            agree(story, grace)
        else:
            story.step(step)
    agree(story, grace)


def agree(story: Story, grace: float) -> None:
    """Fails with what differs and the story that led there."""
    last: list[str] = []

    def looked() -> bool:
        last[:] = disagreements(story, quiet(story))
        return not last

    try:
        wait_for(looked, "all kernels agree", grace)
    except AssertionError:
        raise AssertionError("\n  ".join(["kernels do not agree after", *story.told, *last[:20]])) from None


def quiet(story: Story) -> World:
    """The API's word, once nothing is on its way any more."""
    worlds: list[World] = []

    def looked() -> bool:
        worlds[:] = [story.world()]
        return not restless(worlds[0])

    try:
        wait_for(looked, "the swarm is quiet", LATE, every=0.1)
    except AssertionError:
        raise AssertionError("\n  ".join(
            [f"not quiet within {LATE:g} s after", *story.told, *restless(worlds[0])])) from None
    return worlds[0]


def disagreements(story: Story, world: World) -> list[str]:
    """Of all nodes that are up, in words."""
    up = {id_: world.host(id_) for id_ in world.nodes if not world.is_down(id_)}

    def looked(id_: str) -> list[str]:
        asked = {inside.container: names(inside) for inside in insides(world, id_)}
        return differences(expected(world, id_), seen(world, id_, probe(story, up[id_], asked)))

    with ThreadPoolExecutor(len(up)) as pool:
        return [f"{up[id_]}: {sentence}" for id_, found in zip(up, pool.map(looked, up), strict=True)
                for sentence in found]


def probe(story: Story, host: str, asked: dict[str, list[str]]) -> dict[str, object]:
    argv = story.hosts.cluster.enter_argv(host, ["/usr/bin/python3", str(PROBE)])
    done = subprocess.run(argv, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
