"""Owns the answer to "why does this task have no node?": for each node, every filter that refuses it, with the facts.

Pure. SwarmKit says how many nodes each filter refused; which node, and what it lacks, is left to the reader there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import field

from swarmkit_py.manager import constraints
from swarmkit_py.manager.scheduler.filters import Pipeline, plugins_of, wanted_plugins
from swarmkit_py.manager.scheduler.nodeinfo import NodeInfo, host_ports, reservations
from swarmkit_py.model import generic
from swarmkit_py.model.base import Model
from swarmkit_py.model.objects import Node, Task
from swarmkit_py.model.states import Availability, NodeState

Facts = dict[str, str]


class Refusal(Model, frozen=True, kw_only=True):
    """One filter's no. `facts` are what it compared, by names that the reader of an explanation knows."""

    filter: str
    facts: Facts = field(default_factory=dict)


class Verdict(Model, frozen=True, kw_only=True):
    """One node and what speaks against it; nothing if the task fits there."""

    node_id: str
    hostname: str
    refusals: list[Refusal] = field(default_factory=list)


def survey(nodes: Iterable[Node], tasks: Iterable[Task]) -> list[NodeInfo]:
    """What the scheduler knows of each node, from the tables alone (of failures they tell nothing)."""
    infos = {node.id: NodeInfo(node) for node in nodes}
    for task in tasks:
        if task.node_id in infos:
            infos[task.node_id].put(task)
    return list(infos.values())


def verdicts(task: Task, nodes: Sequence[NodeInfo]) -> list[Verdict]:
    """Of each node, in the order given. A task made for one node is only judged there."""
    pipeline = Pipeline(task)
    asked = [info for info in nodes if not task.node_id or info.node.id == task.node_id]
    return [
        Verdict(node_id=info.node.id, hostname=info.node.description.hostname if info.node.description else "",
                refusals=[Refusal(filter=name, facts=_FACTS[name](task, info)) for name in pipeline.refusals(info)])
        for info in asked
    ]


def _ready(task: Task, info: NodeInfo) -> Facts:
    node = info.node
    if node.status.state is not NodeState.READY:
        return {"state": node.status.state.value}
    return {"availability": node.spec.availability.value} if node.spec.availability is not Availability.ACTIVE else {}


def _resource(task: Task, info: NodeInfo) -> Facts:
    asked = reservations(task)
    facts: Facts = {}
    if (asked.nano_cpus or 0) > info.free_nano_cpus():
        facts |= {"cpus": _number(asked.nano_cpus or 0, 10**9), "free_cpus": _number(info.free_nano_cpus(), 10**9)}
    if (asked.memory_bytes or 0) > info.free_memory():
        facts |= {"memory_mib": _number(asked.memory_bytes or 0, 2**20),
                  "free_memory_mib": _number(info.free_memory(), 2**20)}
    short = generic.lacking(generic.asked(asked.generic_resources), info.free_generic())
    if short:
        wanted = generic.asked(asked.generic_resources)
        facts |= {"generic": ", ".join(f"{wanted[kind]} {kind}" for kind in short),
                  "free_generic": ", ".join(f"{count} {kind}" for kind, count in short.items())}
    return facts


def _plugin(task: Task, info: NodeInfo) -> Facts:
    missing = sorted(set(wanted_plugins(task)) - plugins_of(info))
    return {"missing": ", ".join("/".join(plugin) for plugin in missing)}


def _constraint(task: Task, info: NodeInfo) -> Facts:
    """The first that does not hold, and what the node has instead."""
    placement = task.spec.placement
    for constraint in constraints.parse((placement.constraints if placement else None) or []):
        if not constraint.met_by(info.node):
            return {"key": constraint.key, "operator": "==" if constraint.equal else "!=", "value": constraint.value,
                    "has": constraints.value_of(constraint.key, info.node)}
    return {}


def _platform(task: Task, info: NodeInfo) -> Facts:
    wanted = (task.spec.placement.platforms if task.spec.placement else None) or []
    have = info.node.description.platform if info.node.description else None
    return {"wanted": ", ".join(f"{p.os}/{p.architecture}" for p in wanted),
            "has": f"{have.os}/{have.architecture}" if have else ""}


def _host_port(task: Task, info: NodeInfo) -> Facts:
    ports = [port for port in host_ports(task) if info.host_ports[port]]
    owners = {other.name.rpartition(".")[0] for other in info.tasks() if set(host_ports(other)) & set(ports)}
    return {"ports": ", ".join(f"{number}/{protocol}" for protocol, number in ports), "by": ", ".join(sorted(owners))}


def _max_replicas(task: Task, info: NodeInfo) -> Facts:
    limit = (task.spec.placement.max_replicas if task.spec.placement else None) or 0
    return {"limit": str(limit), "here": str(info.by_service.get(task.service_id, 0))}


_FACTS: dict[str, Callable[[Task, NodeInfo], Facts]] = {
    "ready": _ready, "resource": _resource, "plugin": _plugin, "constraint": _constraint, "platform": _platform,
    "host port": _host_port, "max replicas": _max_replicas,
}


def _number(value: int, unit: int) -> str:
    return f"{value / unit:.3f}".rstrip("0").rstrip(".")
