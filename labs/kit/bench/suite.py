"""Owns which benchmarks there are, and on which swarm each is measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from labs.kit.bench import joining, memory, network, requests, scheduler, services, throughput
from labs.kit.bench.results import Failure, Result, Row
from labs.kit.bench.swarm import Swarm, bare_swarm
from swarmkit_py.errors import NotFound, SwarmError

ON_ONE_SWARM: dict[str, Callable[[Swarm], list[Result]]] = {
    "serving": services.serving, "replicas": services.replicas, "scaling": services.scaling,
    "memory": memory.measure, "throughput": throughput.measure, "requests": requests.measure,
}
ALONE: dict[str, Callable[[Swarm], list[Result]]] = {"net": network.measure}
"""Measured on request only: all of the network, which takes minutes, and of which the others are parts."""
NAMES = ("nodes", *ON_ONE_SWARM, *ALONE, "scheduler")
NODES = 6
"""Five workers, and a drained manager: the node without a task."""


def check(names: list[str]) -> list[str]:
    """The names asked for, or all. Raises NotFound with those there are."""
    for name in names:
        if name not in NAMES:
            raise NotFound(f"There is no benchmark {name!r}; there are: {', '.join(NAMES)}.")
    return names or [name for name in NAMES if name not in ALONE]


def run(names: list[str], on_progress: Callable[[str], None]) -> Iterator[Row]:
    """Results as they come. What cannot be measured is told, and the rest goes on."""
    if "nodes" in names:
        for nodes in (3, 10):
            on_progress(f"{nodes} nodes")
            yield from _tried("nodes", lambda count=nodes: joining.measure(count))  # type: ignore[misc]
    wanted = [name for name in names if name in ON_ONE_SWARM or name in ALONE]
    if wanted:
        yield from _on_one_swarm(wanted, on_progress)
    if "scheduler" in names:
        for shape, kind in scheduler.CASES:
            on_progress(f"scheduler, {shape[0]} nodes")
            yield from _tried("scheduler", lambda shape=shape, kind=kind: [scheduler.measure(shape, kind)])  # type: ignore[misc]


def _on_one_swarm(names: list[str], on_progress: Callable[[str], None]) -> Iterator[Row]:
    try:
        with bare_swarm(NODES) as swarm:
            swarm.form()
            swarm.drain_manager()
            for name in names:
                on_progress(name)
                yield from _tried(name, lambda bench=name: {**ON_ONE_SWARM, **ALONE}[bench](swarm))  # type: ignore[misc]
    except (SwarmError, OSError) as error:
        yield Failure("swarm", str(error))


def _tried(name: str, measure: Callable[[], list[Result]]) -> list[Row]:
    try:
        return [*measure()]
    except Exception as error:  # noqa: BLE001 - whatever one measurement trips over, the others shall be made
        return [Failure(name, f"{type(error).__name__}: {error}")]
