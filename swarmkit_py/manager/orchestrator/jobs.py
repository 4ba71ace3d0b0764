"""Owns which tasks a job has: so many that run to their end, or one on each node. Pure.

A changed spec is a new iteration: what is left of the one before is removed, and the job runs again from its start.
A task that ends well stays, as the proof; one that fails is the restart supervisor's, by its policy (`any` means the
same as `on-failure` here). Slots count from 1, as everywhere in the store. Counterpart:
swarmkit/manager/orchestrator/jobs/{replicated,global}/reconciler.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from swarmkit_py.manager.defaults import total_completions
from swarmkit_py.manager.orchestrator.nodes import Nodes, is_unusable, takes_new
from swarmkit_py.manager.orchestrator.plan import NewTask, Plan, Step
from swarmkit_py.manager.orchestrator.replicated import free_numbers, is_filled
from swarmkit_py.manager.orchestrator.slots import accomplished, by_slot, kept, stop_state, wanted
from swarmkit_py.manager.versions import fits
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.model.states import TaskState


def plan_replicated(service: Service, tasks: Iterable[Task]) -> Plan:
    """What to change so that the job comes nearer to all its completions, never with more tasks at a time than
    `max_concurrent`."""
    mode = service.spec.mode.replicated_job
    assert mode is not None
    result = Plan()
    slots = by_slot(_of_this_iteration(result, service, tasks))
    filled = {slot for slot, members in slots.items() if is_filled(members)}
    at_work = sum(any(wanted(task) and not accomplished(task) for task in members) for members in slots.values())
    total = total_completions(mode)
    room = total - at_work if mode.max_concurrent is None else mode.max_concurrent - at_work
    for slot in free_numbers(filled, min(total - len(filled), room)):
        result.steps.append(Step(successor=NewTask(slot, TaskState.COMPLETE)))
    return result


def plan_global(service: Service, tasks: Iterable[Task], nodes: Nodes) -> Plan:
    """What to change so that each eligible node runs the job once; nodes that come later run it too."""
    result = Plan()
    slots = by_slot(_of_this_iteration(result, service, tasks))
    for node_id, members in slots.items():
        node = nodes.get(str(node_id))
        if node is None or is_unusable(node) or not fits(service, node):
            for task in members:
                if wanted(task) and not accomplished(task):
                    result.wish(task, stop_state(task))
    for node_id, node in sorted(nodes.items()):
        if takes_new(service, node) and not is_filled(slots.get(node_id, [])):
            result.steps.append(Step(successor=NewTask(node_id, TaskState.COMPLETE)))
    return result


def _of_this_iteration(result: Plan, service: Service, tasks: Iterable[Task]) -> list[Task]:
    """The tasks that count; those of earlier runs shall go."""
    current = service.job_status.iteration if service.job_status else None
    here = []
    for task in kept(tasks):
        if task.job_iteration == current:
            here.append(task)
        else:
            result.wish(task, TaskState.REMOVE)
    return here
