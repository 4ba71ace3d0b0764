"""What users and bad luck may do to a swarm, as plain values: hypothesis draws lists of them, shrinks a list that
fails, and prints what is left in a form that can be pasted into a test.

A step that names what is not there (the second network, a container) takes the nearest that is, or does nothing: so
a list stays a story whatever is cut out of it. `net_story.Story` does them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
NODES = ("manager1", "worker1", "worker2")
NETWORKS = tuple(f"n{number}" for number in range(4))
SERVICES = tuple(f"s{number}" for number in range(6))
CONTAINERS = tuple(f"c{number}" for number in range(3))
ALIASES = ("db", "api")
SAME = "10.60.0.0/24"
"""A subnet that several networks ask for."""


@dataclass(frozen=True)
class Step:
    """Something that is done once."""


@dataclass(frozen=True)
class Place:
    """On the network of this number among those that there are."""

    network: int
    alias: str = ""


@dataclass(frozen=True)
class Port:
    """`host`: on the nodes of its tasks, under a number that no other service has."""

    number: int
    host: bool = False


@dataclass(frozen=True)
class MakeNetwork(Step):
    name: str
    subnet: str = ""
    ipv6: bool = False
    internal: bool = False
    attachable: bool = True


@dataclass(frozen=True)
class RemoveNetwork(Step):
    name: str


@dataclass(frozen=True)
class MakeService(Step):
    """`replicas` -1: one on every node. `keeps`: its tasks see who asks."""

    name: str
    replicas: int = 1
    places: tuple[Place, ...] = ()
    ports: tuple[Port, ...] = ()
    dnsrr: bool = False
    keeps: bool = False
    order: str = "stop-first"
    parallelism: int = 0


@dataclass(frozen=True)
class Scale(Step):
    service: int
    replicas: int


@dataclass(frozen=True)
class Renew(Step):
    """All tasks anew, of the same spec."""

    service: int


@dataclass(frozen=True)
class Move(Step):
    """Onto other networks."""

    service: int
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Publish(Step):
    """Other ports."""

    service: int
    ports: tuple[Port, ...]


@dataclass(frozen=True)
class Answer(Step):
    """By a virtual address, or by those of the tasks."""

    service: int
    dnsrr: bool


@dataclass(frozen=True)
class RemoveService(Step):
    service: int


@dataclass(frozen=True)
class Run(Step):
    """A container of one's own. `network` -1: on the machine's bridge."""

    name: str
    host: str
    network: int = -1
    alias: str = ""


@dataclass(frozen=True)
class Connect(Step):
    name: str
    network: int


@dataclass(frozen=True)
class Disconnect(Step):
    name: str
    network: int


@dataclass(frozen=True)
class Restart(Step):
    name: str


@dataclass(frozen=True)
class RemoveContainer(Step):
    name: str


@dataclass(frozen=True)
class KillSwarmd(Step):
    host: str


@dataclass(frozen=True)
class Drain(Step):
    """Or the other way round."""

    host: str


@dataclass(frozen=True)
class Power(Step):
    """A worker dies; or the one that is dead comes back."""

    host: str


@dataclass(frozen=True)
class Look(Step):
    """All kernels are compared with the API, in the middle of the story."""


def _some(values: st.SearchStrategy[T], most: int) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(values, max_size=most).map(tuple)


_number = st.integers(0, 3)
_seldom = st.sampled_from((False, False, False, True))
_alias = st.sampled_from(("", *ALIASES))
_places = _some(st.builds(Place, _number, _alias), 2)
_mesh = st.builds(Port, st.integers(8000, 8003))
_ports = st.one_of(_some(_mesh, 2), st.builds(Port, st.integers(0, 1), st.just(True)).map(lambda port: (port,)))
_named = st.sampled_from(CONTAINERS)
_host, _worker = st.sampled_from(NODES), st.sampled_from(NODES[1:])
_service = st.integers(0, 5)

MAKE_NETWORK = st.builds(MakeNetwork, st.sampled_from(NETWORKS), st.sampled_from(("", "", SAME)), _seldom, _seldom,
                         st.sampled_from((True, True, False)))
MAKE_SERVICE = st.builds(
    MakeService, st.sampled_from(SERVICES), st.sampled_from((1, 2, 3, 4, 0, -1)), _places, _ports, _seldom, _seldom,
    st.sampled_from(("stop-first", "start-first")), st.integers(0, 2))
RUN = st.builds(Run, _named, _host, st.integers(-1, 3), _alias)
WEIGHTS: tuple[tuple[int, st.SearchStrategy[Step]], ...] = (
    (6, st.just(Look())),
    (3, MAKE_NETWORK), (1, st.builds(RemoveNetwork, st.sampled_from(NETWORKS))), (5, MAKE_SERVICE),
    (3, st.builds(Scale, _service, st.integers(0, 6))), (1, st.builds(Renew, _service)),
    (2, st.builds(Move, _service, _places)), (1, st.builds(Publish, _service, _ports)),
    (1, st.builds(Answer, _service, st.booleans())), (2, st.builds(RemoveService, _service)),
    (3, RUN), (2, st.builds(Connect, _named, _number)), (2, st.builds(Disconnect, _named, _number)),
    (1, st.builds(Restart, _named)), (1, st.builds(RemoveContainer, _named)),
    (1, st.builds(KillSwarmd, _host)), (1, st.builds(Drain, _host)), (1, st.builds(Power, _worker)),
)
"""How often each comes. The first is what hypothesis makes of a step that is not needed, before it leaves it out: a
long one would stay in."""
STEPS: st.SearchStrategy[Step] = st.sampled_from(
    [index for index, (weight, _) in enumerate(WEIGHTS) for _ in range(weight)]).flatmap(
        lambda index: WEIGHTS[index][1])
OPENING: st.SearchStrategy[Step] = st.one_of(st.just(Look()), MAKE_NETWORK, MAKE_SERVICE, RUN)


def stories(longest: int = 9) -> st.SearchStrategy[list[Step]]:
    """Something to act on comes first, mostly. Every single step may be left out when a story is made smaller."""
    return st.builds(lambda opening, rest: [*opening, *rest], st.lists(OPENING, max_size=4),
                     st.lists(STEPS, min_size=1, max_size=longest))
