"""Owns what a seed stands for: how the world is built, and the steps that are taken in it, each at its moment.

Pure: the same seed, the same story. A step names things by what a user would call them, so that it still makes sense
when others are left out (`shrink`). What a step does is `acts`'s. Counterpart: none.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

STEPS = 26
RACKS = ("a", "b")
SERVICES = ("web", "api", "db", "log")
NETWORKS = ("back", "front")
SECRETS = ("key", "cert")
MODES = (*("replicated",) * 7, *("global",) * 3, "replicated-job", "global-job")
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


@dataclass
class Lot:
    """What the drawing of steps knows: chance, and what was drawn before."""

    rng: random.Random
    nodes: int
    services: list[str] = field(default_factory=list)


Draw = Callable[[Lot], "dict[str, Any]"]
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
    lot = Lot(rng, nodes, ["web"])
    at, told = 2.0, [Step(1.0, "create", _create(lot) | {"name": "web"})]
    for _ in range(steps):
        at += rng.choice((0.0, 0.01, 0.05, 0.3, 0.3, 1.5, 1.5, 6.0, 6.0, 20.0))
        verb = rng.choices(verbs, weights)[0]
        told.append(Step(round(at + rng.random() * 0.2, 3), verb, _DRAWS[verb][1](lot)))
    return Story(seed, nodes, rng.choice((24, 24, 28)), rng.choice((0.0, 0.3)), tuple(told))


def _one_in(lot: Lot, number: int) -> bool:
    return lot.rng.randrange(number) == 0


def _node(lot: Lot) -> str:
    return f"n{lot.rng.randint(1, lot.nodes)}"


def _known(lot: Lot) -> str:
    """A service that was made before (and may be gone again), mostly."""
    return lot.rng.choice(SERVICES if _one_in(lot, 12) else lot.services)


def _service(lot: Lot) -> dict[str, Any]:
    return {"name": _known(lot)}


@draws("create", 8)
def _create(lot: Lot) -> dict[str, Any]:
    image = lot.rng.choice(IMAGES)
    lot.services.append(lot.rng.choice(SERVICES))
    return {
        "name": lot.services[-1], "mode": lot.rng.choice(MODES),
        "replicas": lot.rng.randrange(7), "image": image,
        "rack": lot.rng.choice(RACKS) if _one_in(lot, 5) else "",
        "port": lot.rng.choice((8080, 8081, -1)) if _one_in(lot, 2) else 0,
        "port_mode": lot.rng.choice(("ingress", "ingress", "host")),
        "secret": lot.rng.choice(SECRETS) if _one_in(lot, 4) else "",
        "network": lot.rng.choice(NETWORKS) if _one_in(lot, 3) else "",
        "cpus": lot.rng.choice((0.25, 0.5, 1.0)) if _one_in(lot, 4) else 0,
        "max_replicas": lot.rng.choice((1, 2)) if _one_in(lot, 6) else 0,
        "condition": lot.rng.choice(("any", "any", "on-failure", "none")),
        "delay": lot.rng.choice((0, 1, 5) if image in RUNNING_IMAGES else (3, 5, 8)),  # endless loops only cost time
        "max_attempts": lot.rng.choice((1, 2)) if _one_in(lot, 4) else 0,
        "window": lot.rng.choice((0, 20)), "grace": lot.rng.choice((1, 4, 15)),
        "order": lot.rng.choice(("stop-first", "stop-first", "start-first")),
        "parallelism": lot.rng.choice((0, 1, 1, 2)), "on_failure": lot.rng.choice(("pause", "continue", "rollback")),
    }


@draws("scale", 8)
def _scale(lot: Lot) -> dict[str, Any]:
    return {"name": _known(lot), "replicas": lot.rng.randrange(8)}


@draws("update", 10)
def _update(lot: Lot) -> dict[str, Any]:
    return {"name": _known(lot), "image": lot.rng.choice(("", *IMAGES)), "env": lot.rng.choice(("", "A=1", "A=2")),
            "force": _one_in(lot, 4)}


draws("rollback", 3)(_service)
draws("remove", 3)(_service)


@draws("availability", 5)
def _availability(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "to": lot.rng.choice(("active", "active", "pause", "drain"))}


@draws("label", 3)
def _label(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "rack": lot.rng.choice(("", *RACKS))}


@draws("remove-node", 1)
def _remove_node(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "force": _one_in(lot, 2)}


@draws("network", 4)
def _network(lot: Lot) -> dict[str, Any]:
    return {"name": lot.rng.choice(NETWORKS), "remove": _one_in(lot, 3)}


@draws("secret", 3)
def _secret(lot: Lot) -> dict[str, Any]:
    return {"name": lot.rng.choice(SECRETS), "remove": _one_in(lot, 3)}


@draws("history", 1)
def _history(lot: Lot) -> dict[str, Any]:
    return {"limit": lot.rng.choice((0, 1, 5))}


def _pause(lot: Lot) -> float:
    return lot.rng.choice((0.0, 0.3, 2.0, 7.0, 25.0, 40.0))


@draws("manager-crashes", 4)
def _manager_crashes(lot: Lot) -> dict[str, Any]:
    return {"down": _pause(lot), "polite": _one_in(lot, 4)}


@draws("daemon-crashes", 4)
def _daemon_crashes(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "down": _pause(lot)}


@draws("power-fails", 3)
def _power_fails(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "down": _pause(lot)}


@draws("partition", 5)
def _partition(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "for": lot.rng.choice((0.5, 3.0, 12.0, 25.0, 40.0)),
            "way": lot.rng.choice(("both", "both", "up", "down"))}


@draws("reset", 3)
def _reset(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot)}


@draws("slow-network", 2)
def _slow_network(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "latency": lot.rng.choice((0.001, 0.05, 0.4))}


@draws("disk-full", 2)
def _disk_full(lot: Lot) -> dict[str, Any]:
    return {"for": lot.rng.choice((0.5, 3.0, 20.0))}


@draws("container-ends", 6)
def _container_ends(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "number": lot.rng.randrange(8), "code": lot.rng.choice((0, 1, 137))}


@draws("container-removed", 1)
def _container_removed(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "number": lot.rng.randrange(8)}


@draws("crash-loop", 1)
def _crash_loop(lot: Lot) -> dict[str, Any]:
    return {"node": _node(lot), "times": lot.rng.randrange(3, 7)}
