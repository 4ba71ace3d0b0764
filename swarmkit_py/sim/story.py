"""Owns what a seed stands for: how the world is built, and the steps that are taken in it, each at its moment.

Pure: the same seed, the same story. A step names things by what a user would call them, so that it still makes sense
when others are left out (`shrink`). What a step does is `acts`'s. Counterpart: none.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

STEPS = 26
RACKS = ("a", "b")
SERVICES = ("web", "api", "db", "log")
NETWORKS = ("back", "front")
RUNNING_IMAGES = ("good:1", "good:2")
IMAGES = (*RUNNING_IMAGES * 3, "stubborn:1", "slow:1", "crash:1", "flash:1", "done:1", "broken:1", "missing:1")


class Step(NamedTuple):
    """At this second somebody does this."""

    at: float
    verb: str
    args: dict[str, Any]

    def __str__(self) -> str:
        said = " ".join(f"{key}={value}" for key, value in self.args.items() if value not in (None, "", 0, False))
        return f"{self.at:8.2f} s  {self.verb} {said}".rstrip()


class Story(NamedTuple):
    """Everything that a seed decides by itself; the rest are delays and duplicates of the network."""

    seed: int
    nodes: int
    subnet_size: int
    duplicates: float
    steps: tuple[Step, ...]


Draw = Callable[[random.Random, int], "dict[str, Any]"]
_DRAWS: dict[str, tuple[int, Draw]] = {}


def draws(verb: str, weight: int) -> Callable[[Draw], Draw]:
    """Put a verb into the lottery."""

    def register(draw: Draw) -> Draw:
        _DRAWS[verb] = weight, draw
        return draw

    return register


def tell(seed: int, steps: int = STEPS) -> Story:
    """The story of a seed."""
    rng = random.Random(f"{seed}/story")
    nodes = rng.choice((2, 3, 3, 4))
    verbs, weights = zip(*((verb, weight) for verb, (weight, _) in _DRAWS.items()), strict=True)
    at, told = 2.0, [Step(1.0, "create", _create(rng, nodes) | {"name": "web"})]
    for _ in range(steps):
        at += rng.choice((0.0, 0.01, 0.05, 0.3, 0.3, 1.5, 1.5, 6.0, 6.0, 20.0))
        verb = rng.choices(verbs, weights)[0]
        told.append(Step(round(at + rng.random() * 0.2, 3), verb, _DRAWS[verb][1](rng, nodes)))
    return Story(seed, nodes, rng.choice((24, 24, 28)), rng.choice((0.0, 0.3)), tuple(told))


def _one_in(rng: random.Random, number: int) -> bool:
    return rng.randrange(number) == 0


def _node(rng: random.Random, nodes: int) -> str:
    return f"n{rng.randint(1, nodes)}"


def _service(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"name": rng.choice(SERVICES)}


@draws("create", 8)
def _create(rng: random.Random, nodes: int) -> dict[str, Any]:
    image = rng.choice(IMAGES)
    return {
        "name": rng.choice(SERVICES), "mode": "global" if _one_in(rng, 4) else "replicated",
        "replicas": rng.randrange(7), "image": image,
        "rack": rng.choice(RACKS) if _one_in(rng, 5) else "",
        "port": rng.choice((8080, 8081, -1)) if _one_in(rng, 2) else 0, "port_mode": rng.choice(("ingress", "ingress",
                                                                                                  "host")),
        "network": rng.choice(NETWORKS) if _one_in(rng, 3) else "",
        "cpus": rng.choice((0.25, 0.5, 1.0)) if _one_in(rng, 4) else 0,
        "max_replicas": rng.choice((1, 2)) if _one_in(rng, 6) else 0,
        "condition": rng.choice(("any", "any", "on-failure", "none")),
        "delay": rng.choice((0, 1, 5) if image in RUNNING_IMAGES else (3, 5, 8)),  # endless loops only cost time
        "max_attempts": rng.choice((1, 2)) if _one_in(rng, 4) else 0,
        "window": rng.choice((0, 20)), "grace": rng.choice((1, 4, 15)),
        "order": rng.choice(("stop-first", "stop-first", "start-first")),
        "parallelism": rng.choice((0, 1, 1, 2)), "on_failure": rng.choice(("pause", "continue", "rollback")),
    }


@draws("scale", 8)
def _scale(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"name": rng.choice(SERVICES), "replicas": rng.randrange(8)}


@draws("update", 6)
def _update(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"name": rng.choice(SERVICES), "image": rng.choice(("", *IMAGES)), "env": rng.choice(("", "A=1", "A=2")),
            "force": _one_in(rng, 4)}


draws("rollback", 2)(_service)
draws("remove", 3)(_service)


@draws("availability", 5)
def _availability(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "to": rng.choice(("active", "active", "pause", "drain"))}


@draws("label", 3)
def _label(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "rack": rng.choice(("", *RACKS))}


@draws("remove-node", 1)
def _remove_node(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "force": _one_in(rng, 2)}


@draws("network", 2)
def _network(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"name": rng.choice(NETWORKS), "remove": _one_in(rng, 3)}


@draws("history", 1)
def _history(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"limit": rng.choice((0, 1, 5))}


def _pause(rng: random.Random) -> float:
    return rng.choice((0.0, 0.3, 2.0, 7.0, 25.0, 40.0))


@draws("manager-crashes", 4)
def _manager_crashes(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"down": _pause(rng), "polite": _one_in(rng, 4)}


@draws("daemon-crashes", 4)
def _daemon_crashes(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "down": _pause(rng)}


@draws("power-fails", 3)
def _power_fails(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "down": _pause(rng)}


@draws("partition", 5)
def _partition(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "for": rng.choice((0.5, 3.0, 12.0, 25.0, 40.0)),
            "way": rng.choice(("both", "both", "up", "down"))}


@draws("reset", 3)
def _reset(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes)}


@draws("slow-network", 2)
def _slow_network(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "latency": rng.choice((0.001, 0.05, 0.4))}


@draws("disk-full", 2)
def _disk_full(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"for": rng.choice((0.5, 3.0, 20.0))}


@draws("container-ends", 6)
def _container_ends(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "number": rng.randrange(8), "code": rng.choice((0, 1, 137))}


@draws("container-removed", 1)
def _container_removed(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "number": rng.randrange(8)}


@draws("crash-loop", 1)
def _crash_loop(rng: random.Random, nodes: int) -> dict[str, Any]:
    return {"node": _node(rng, nodes), "times": rng.randrange(3, 7)}
