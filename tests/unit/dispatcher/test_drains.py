"""Removals that are acknowledged: a task may stop when no node's kernel leads to it any more, and not before."""

from __future__ import annotations

import random

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.dispatcher.drains import NEVER, Carrier, Drains
from swarmkit_py.model.objects import Attachment, Endpoint, Task
from swarmkit_py.model.states import NodeState, TaskState
from swarmkit_py.rpc.messages import Applied, Assignments
from tests.builders import node, port, service, task
from tests.unit.dispatcher.rig import FakeNode, Swarm

WEB = service("web", endpoint=Endpoint(ports=[port(80)]))


def leaving(name: str = "t", node_id: str = "node-one", *networks: str) -> Task:
    places = [Attachment(network_id=n, addresses=["10.0.0.9/24"]) for n in networks or ("network-ingress",)]
    return task(WEB, id=name, node_id=node_id, state=TaskState.RUNNING, desired=TaskState.SHUTDOWN, networks=places)


def carrier(name: str, told: int, applied: int, *networks: str) -> Carrier:
    return Carrier(f"node-{name}", set(networks or ("network-ingress",)), told, applied)


def test_a_task_waits_for_every_node_that_was_told_and_has_not_agreed() -> None:
    drains = Drains()
    nodes = [carrier("one", 5, 5), carrier("two", 7, 6), carrier("three", 9, 8)]
    assert drains.follow([leaving()], nodes) == set()
    assert drains.acknowledge("node-two", 6) == set()
    assert drains.acknowledge("node-two", 7) == set()
    assert drains.done == set()
    assert drains.acknowledge("node-three", 9) == {"node-one"}
    assert drains.done == {"t"}


def test_nodes_that_carry_none_of_its_networks_do_not_count() -> None:
    drains = Drains()
    nodes = [carrier("one", 5, 5, "back"), carrier("two", 7, 6, "front")]
    assert drains.follow([leaving("t", "node-one", "back")], nodes) == {"node-one"}


def test_a_node_that_goes_down_or_is_removed_is_not_waited_for() -> None:
    drains = Drains()
    drains.follow([leaving()], [carrier("one", 1, 1), carrier("two", 7, 6)])
    assert drains.follow([leaving()], [carrier("one", 1, 1)]) == {"node-one"}


def test_a_node_without_a_session_is_waited_for_until_it_is_back() -> None:
    drains = Drains()
    assert drains.follow([leaving()], [carrier("one", 1, 1), carrier("two", NEVER, 0)]) == set()
    assert drains.acknowledge("node-two", 100) == set()
    drains.restarted("node-two")
    assert drains.acknowledge("node-two", 1) == {"node-one"}


def test_what_has_stopped_is_forgotten() -> None:
    drains = Drains()
    drains.follow([leaving()], [carrier("one", 1, 1)])
    assert drains.done == {"t"} and not drains.idle
    assert drains.follow([], [carrier("one", 1, 1)]) == set()
    assert drains.done == set() and drains.idle


@pytest.mark.parametrize("seed", range(200))
def test_no_task_is_done_before_all_have_agreed(seed: int) -> None:
    """Random tellings and agreements: `done` is exactly what a slow, plain bookkeeping says."""
    chance = random.Random(seed)
    drains = Drains()
    names = ["one", "two", "three"]
    told, applied = dict.fromkeys(names, 1), dict.fromkeys(names, 1)
    needs: dict[str, dict[str, int]] = {}
    for step in range(60):
        name = chance.choice(names)
        if chance.random() < 0.4:
            applied[name] = chance.randint(applied[name], told[name])
            drains.acknowledge(f"node-{name}", applied[name])
        else:
            if chance.random() < 0.5:
                for each in names:
                    told[each] += chance.random() < 0.7
                needs[f"t{step}"] = {each: told[each] for each in names}
            drains.follow([leaving(t) for t in needs], [carrier(n, told[n], applied[n]) for n in names])
        finished = {t for t, wanted in needs.items() if all(applied[n] >= wanted[n] for n in names)}
        assert drains.done == finished
        for gone in [t for t in finished if chance.random() < 0.3]:
            del needs[gone]
            drains.follow([leaving(t) for t in needs], [carrier(n, told[n], applied[n]) for n in names])


# through the dispatcher, with nodes that answer when the test says so


async def a_swarm(swarm: Swarm) -> tuple[FakeNode, FakeNode, Task]:
    """Two nodes that agree with everything so far, and a running task on the first."""
    place = [Attachment(network_id="network-ingress", addresses=["10.0.0.2/24"])]
    swarm.put(WEB, *(replace(node(name), attachments=place) for name in ("one", "two")))
    await swarm.start()
    running = replace(leaving("t"), desired_state=TaskState.RUNNING)
    swarm.put(running)
    one, two = await swarm.connect("one"), await swarm.connect("two")
    for each in (one, two):
        await each.send(Applied(sequence=1))
    return one, two, running


def drained(node: FakeNode) -> list[str]:
    return [task_id for message in node.got(Assignments) for task_id in message.drained]


async def settle(swarm: Swarm) -> None:
    await swarm.clock.advance(0.2)


async def test_the_owner_hears_when_every_node_has_agreed(swarm: Swarm) -> None:
    one, two, running = await a_swarm(swarm)
    swarm.put(replace(running, desired_state=TaskState.SHUTDOWN))
    await settle(swarm)
    assert drained(one) == []
    await one.send(Applied(sequence=one.got(Assignments)[-1].results_in))
    assert drained(one) == []
    await two.send(Applied(sequence=two.got(Assignments)[-1].results_in))
    assert (drained(one), drained(two)) == (["t"], [])


async def test_a_node_that_comes_back_must_agree_anew(swarm: Swarm) -> None:
    one, two, running = await a_swarm(swarm)
    await two.channel.close()
    await swarm.clock.settle()
    swarm.put(replace(running, desired_state=TaskState.SHUTDOWN))
    await settle(swarm)
    await one.send(Applied(sequence=one.got(Assignments)[-1].results_in))
    assert drained(one) == [], "the other one may still lead to it"
    back = await swarm.connect("two")
    assert drained(one) == []
    await back.send(Applied(sequence=1))
    assert drained(one) == ["t"]


async def test_a_node_that_is_down_holds_up_nobody(swarm: Swarm) -> None:
    one, two, running = await a_swarm(swarm)
    swarm.put(replace(running, desired_state=TaskState.SHUTDOWN))
    await settle(swarm)
    await one.send(Applied(sequence=one.got(Assignments)[-1].results_in))
    await two.channel.close()
    swarm.put(node("two", state=NodeState.DOWN))
    await settle(swarm)
    assert drained(one) == ["t"]


async def test_the_owner_that_comes_back_is_told_again(swarm: Swarm) -> None:
    one, two, running = await a_swarm(swarm)
    swarm.put(replace(running, desired_state=TaskState.SHUTDOWN))
    await settle(swarm)
    for each in (one, two):
        await each.send(Applied(sequence=each.got(Assignments)[-1].results_in))
    await one.channel.close()
    back = await swarm.connect("one")
    assert back.got(Assignments)[0].drained == ["t"]


async def test_messages_that_say_nothing_of_networks_need_no_answer(swarm: Swarm) -> None:
    one, two, running = await a_swarm(swarm)
    swarm.put(task(id="lonely", node_id="node-two", state=TaskState.ASSIGNED))
    await settle(swarm)
    assert not two.got(Assignments)[-1].for_the_kernel
    swarm.put(replace(leaving("lonely", "node-two"), networks=[]))
    swarm.put(replace(running, desired_state=TaskState.SHUTDOWN))
    await settle(swarm)
    for each in (one, two):
        newest = [message for message in each.got(Assignments) if message.for_the_kernel][-1]
        await each.send(Applied(sequence=newest.results_in))
    assert drained(one) == ["t"]
