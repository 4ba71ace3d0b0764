"""Owns what must hold when nothing has happened for long: what runs is what is wanted, and nothing is left over.

`complaints` is asked again and again while the world calms down; what it still says then is a violation. Counterpart:
the liveness properties of swarmkit/design/tla/SwarmKit.tla.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network
from typing import NamedTuple

from swarmkit_py.agent.container_spec import TASK_LABEL
from swarmkit_py.model.objects import Network, Node, Service, Task
from swarmkit_py.model.states import Availability, NodeState, TaskState
from swarmkit_py.runtime.base import Container
from swarmkit_py.sim import oracle
from swarmkit_py.sim.machine import Machine
from swarmkit_py.sim.oracle import on_node
from swarmkit_py.sim.rules import describe, is_job, start_first, things
from swarmkit_py.store.memory import Store


class Complaint(NamedTuple):
    """A rule of the quiet world that does not hold (yet)."""

    rule: str
    text: str
    witnesses: tuple[object, ...] = ()


def complaints(store: Store, machines: Iterable[Machine]) -> Iterator[Complaint]:
    """What is not as it should be in a world at rest."""
    members = {machine.node_id: machine for machine in machines if machine.up}
    yield from _nodes(store, members)
    for service in store.all(Service):
        yield from (_job if is_job(service) else _service)(store, service, members)
    yield from _tasks(store, members)
    for machine in members.values():
        yield from _machine(store, machine)


def _nodes(store: Store, members: dict[str, Machine]) -> Iterator[Complaint]:
    for node_id, machine in members.items():
        node = store.get(Node, node_id)
        if node is None or node.status.state is not NodeState.READY:
            state = node.status if node else "not in the store"
            yield Complaint("node-back", f"{machine.name} runs and is not ready", (state,))
        if machine.reporter.pending:
            yield Complaint("reported", f"{machine.name} has states that the manager lacks")


def _service(store: Store, service: Service, members: dict[str, Machine]) -> Iterator[Complaint]:
    slots: dict[int | str, list[Task]] = defaultdict(list)
    for task in store.find(Task, service_id=service.id):
        slots[task.slot or task.node_id].append(task)
    replicated = service.spec.mode.replicated is not None
    wanted = oracle.desired_slots(service, store)
    for slot in slots if replicated else wanted:
        yield from _slot(store, service, slot, slots.get(slot, []), members)
    used = [slot for slot, tasks in slots.items() if any(map(oracle.wished, tasks))]
    if replicated:
        yield from _number(service, slots, used, len(wanted))
    else:
        yield from _strays(store, service, slots, [slot for slot in used if slot not in wanted])


def _job(store: Store, service: Service, members: dict[str, Machine]) -> Iterator[Complaint]:
    """Work that was asked for is done, has failed as often as it may, or says what it waits for."""
    iteration = service.job_status.iteration if service.job_status else 0
    tasks = [t for t in store.find(Task, service_id=service.id) if t.job_iteration == iteration]
    for task in tasks:
        if oracle.wished(task) and not task.status.state.terminal:
            yield from _reason(store, service, task)
    places: dict[int | str, list[Task]] = defaultdict(list)
    for task in tasks:
        places[task.slot or task.node_id].append(task)
    over = [key for key, slot in places.items() if any(t.status.state is TaskState.COMPLETE for t in slot)
            or oracle.given_up(slot) or any(oracle.wished(t) and not t.status.state.terminal for t in slot)]
    job = service.spec.mode.replicated_job
    waits = any(oracle.wished(task) and not task.status.state.terminal for task in tasks)  # and says why, see above
    if job is not None and not waits and len(over) < (job.total_completions or 1):
        yield Complaint("job-done", f"{service.spec.name} has done {len(over)} of {job.total_completions}",
                        tuple(map(describe, tasks)))


def _number(
    service: Service, slots: dict[int | str, list[Task]], used: list[int | str], wanted: int,
) -> Iterator[Complaint]:
    """As many slots as replicas, those counted that ended for good."""
    filled = {*used, *(slot for slot, tasks in slots.items() if oracle.given_up(tasks))}
    if len(filled) < wanted or len(used) > wanted:
        yield Complaint("running=wanted", f"{service.spec.name} has {len(used)} slots to run, {len(filled)} with "
                        f"those that ended for good, and wants {wanted}",
                        tuple(describe(task) for tasks in slots.values() for task in tasks))


def _strays(
    store: Store, service: Service, slots: dict[int | str, list[Task]], strays: list[int | str],
) -> Iterator[Complaint]:
    """Tasks of a global service stay on a node that takes no new ones, but not where they do not fit."""
    for slot in strays:
        node = store.get(Node, str(slot))
        drained = node is not None and node.spec.availability is Availability.DRAIN
        if node is None or drained or not oracle.labels_fit(service, node):
            yield Complaint("running=wanted", f"{service.spec.name} has a task where none belongs",
                            tuple(map(describe, slots[slot])))


def _slot(
    store: Store, service: Service, slot: int | str, tasks: list[Task], members: dict[str, Machine],
) -> Iterator[Complaint]:
    """One slot: a task that runs, or a reason that is true."""
    to_run = [task for task in tasks if oracle.wished(task)]
    if len(to_run) > (2 if start_first(service) else 1):
        yield Complaint("one-per-slot", f"{service.spec.name}.{slot} has {len(to_run)} tasks to run",
                        tuple(map(describe, to_run)))
    for task in to_run:
        if task.status.state is TaskState.RUNNING:
            yield from _really_runs(task, members)
            if not (_stands(service) or _tried(service, tasks)) and _outdated(service, task):
                yield Complaint("updated", f"{service.spec.name}.{slot} runs an old spec",
                                (describe(task), service.update_status))
        else:
            yield from _reason(store, service, task)
    if not to_run and isinstance(slot, str) and not oracle.given_up(tasks):
        yield Complaint("running=wanted", f"{service.spec.name} has no task on node {slot[:6]}",
                        tuple(map(describe, tasks)))


def _stands(service: Service) -> bool:
    """True if an update stands still by its own rules, or says what it waits for: then old tasks may stay."""
    status = service.update_status
    return status is not None and (
        status.state in ("paused", "rollback_paused") or ": waiting for task" in status.message)


def _tried(service: Service, slot: list[Task]) -> bool:
    """Start-first: the slot's new task did not hold, the update went on elsewhere, and the old task serves on."""
    return start_first(service) and any(
        task.spec_index == service.spec_index and task.status.state in oracle.ENDED_BY_ITSELF for task in slot)


def _outdated(service: Service, task: Task) -> bool:
    return task.spec.container_spec != service.spec.task_template.container_spec


def _really_runs(task: Task, members: dict[str, Machine]) -> Iterator[Complaint]:
    machine = members.get(task.node_id)
    found = [c for c in machine.engine.all() if c.config.labels.get(TASK_LABEL) == task.id] if machine else []
    if len(found) != 1 or not found[0].running:
        yield Complaint("really-runs", "a task is said to run, and no container of it does",
                        (describe(task), [c.status for c in found]))
    elif task.spec.container_spec and found[0].config.image != task.spec.container_spec.image:
        yield Complaint("really-runs", "its container is of another image", (describe(task), found[0].config.image))


def _reason(store: Store, service: Service, task: Task) -> Iterator[Complaint]:
    """A task that waits must say why, and it must be so."""
    if task.status.state not in (TaskState.NEW, TaskState.PENDING) or not task.status.err:
        yield Complaint("running=wanted", "a task neither runs nor says why not", (describe(task),))
    elif task.status.state is TaskState.PENDING:
        nodes = [store.get(Node, task.node_id)] if task.node_id else store.all(Node)
        free = [n for n in nodes if n and oracle.takes(service, n, store.find(Task, node_id=n.id))]
        if free:
            yield Complaint("true-reason", f"node {free[0].id[:6]} could take it", (describe(task),))
    elif "no free address" in task.status.err:
        yield from _exhausted(store, service, task)


def _exhausted(store: Store, service: Service, task: Task) -> Iterator[Complaint]:
    """Addresses are said to be used up: count them."""
    ingress = [n.id for n in store.all(Network) if n.spec.ingress]
    own = [at.target for at in service.spec.task_template.networks or []]
    held = [thing for kind in (Network, Node, Service, Task) for obj in store.all(kind) for thing in things(obj)]
    for network_id in [*ingress, *own]:
        network = store.get(Network, network_id)
        if network is not None and network.spec.name in task.status.err:
            taken = len([name for what, name in held if what == "address on " + network_id])
            room = IPv4Network(network.subnet).num_addresses - 2
            if taken < room - 1:
                yield Complaint("true-reason", f"{network.spec.name} has {room - taken} free addresses",
                                (describe(task),))


def _tasks(store: Store, members: dict[str, Machine]) -> Iterator[Complaint]:
    services = {service.id for service in store.all(Service)}
    for task in store.all(Task):
        if task.service_id not in services:
            yield Complaint("leftovers", "a task of a service that is gone", (describe(task),))
        elif not oracle.wished(task) and on_node(task):
            yield Complaint("stopped", "a task that is to stop does not", (describe(task),))
        elif task.node_id and on_node(task) and task.node_id not in members:
            yield Complaint("leftovers", "a task on a machine that is not there", (describe(task),))


def _machine(store: Store, machine: Machine) -> Iterator[Complaint]:
    """What is on a machine is there for a task."""
    running = set()
    for container in machine.engine.all():
        task = store.get(Task, container.config.labels.get(TASK_LABEL, ""))
        if task is None or task.node_id != machine.node_id:
            yield Complaint("leftovers", f"{machine.name} has a container of a task that it does not have",
                            (container.name, container.status))
        elif container.running and not on_node(task):
            yield Complaint("leftovers", f"{machine.name} runs a container whose task has ended", (describe(task),))
        running.update(_sandbox(container))
    for sandbox in machine.network.sandboxes():
        if sandbox.id not in running:
            yield Complaint("leftovers", f"{machine.name} has a network namespace of nothing", (sandbox,))
    here = [task for task in store.find(Task, node_id=machine.node_id) if on_node(task)]
    needed = {at.network_id for task in here for at in task.networks}
    needed |= {network.id for network in store.all(Network) if network.spec.ingress}
    if set(machine.network.networks) != needed:
        yield Complaint("leftovers", f"{machine.name} carries other networks than it needs",
                        (sorted(machine.network.networks), sorted(needed)))


def _sandbox(container: Container) -> list[str]:
    return [container.sandbox.id] if container.running and container.sandbox else []
