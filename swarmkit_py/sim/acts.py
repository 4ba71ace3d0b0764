"""Owns what the steps of a story do to the world. A step that makes no sense (any more) is refused or does nothing.

Counterpart: none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from swarmkit_py.model.objects import Node
from swarmkit_py.model.specs import NetworkSpec, OrchestrationConfig, SecretSpec
from swarmkit_py.model.states import Availability
from swarmkit_py.sim import asks
from swarmkit_py.sim.machine import Machine
from swarmkit_py.sim.world import World

Act = Callable[[World, "dict[str, Any]"], Awaitable[None]]
ACTS: dict[str, Act] = {}


def act(verb: str) -> Callable[[Act], Act]:
    """Give a verb its meaning."""

    def register(function: Act) -> Act:
        ACTS[verb] = function
        return function

    return register


# What users do.


@act("create")
async def _create(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    control.create_service(asks.service_spec(args, control.list_networks(), control.list_secrets()))


@act("scale")
async def _scale(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    service = control.get_service(args["name"])
    control.update_service(service.id, service.index, asks.scaled(service.spec, args["replicas"]))


@act("update")
async def _update(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    service = control.get_service(args["name"])
    control.update_service(service.id, service.index, asks.updated(service.spec, args))


@act("rollback")
async def _rollback(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    service = control.get_service(args["name"])
    control.update_service(service.id, service.index, service.spec, rollback=True)


@act("remove")
async def _remove(world: World, args: dict[str, Any]) -> None:
    world.leader.ask().remove_service(args["name"])


@act("availability")
async def _availability(world: World, args: dict[str, Any]) -> None:
    node = _node(world, args)
    spec = replace(node.spec, availability=Availability(args["to"]))
    world.leader.ask().update_node(node.id, node.index, spec)


@act("label")
async def _label(world: World, args: dict[str, Any]) -> None:
    node = _node(world, args)
    spec = replace(node.spec, labels={"rack": args["rack"]} if args["rack"] else {})
    world.leader.ask().update_node(node.id, node.index, spec)


@act("remove-node")
async def _remove_node(world: World, args: dict[str, Any]) -> None:
    world.leader.ask().remove_node(_node(world, args).id, args["force"])


@act("history")
async def _history(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    cluster = control.get_cluster()
    wanted = OrchestrationConfig(task_history_retention_limit=args["limit"])
    control.update_cluster(cluster.index, replace(cluster.spec, orchestration=wanted))


@act("network")
async def _network(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    if args["remove"]:
        control.remove_network(args["name"])
    else:
        control.create_network(NetworkSpec(name=args["name"]))


@act("secret")
async def _secret(world: World, args: dict[str, Any]) -> None:
    control = world.leader.ask()
    if args["remove"]:
        control.remove_secret(args["name"])
    else:
        control.create_secret(SecretSpec(name=args["name"], data=b"sesame"))


# What happens to processes and machines.


@act("manager-crashes")
async def _manager_crashes(world: World, args: dict[str, Any]) -> None:
    if not world.leader.running:
        return
    await (world.leader.stop() if args["polite"] else world.leader.crash())
    await world.clock.sleep(args["down"])
    world.start_manager()


@act("daemon-crashes")
async def _daemon_crashes(world: World, args: dict[str, Any]) -> None:
    machine = world.machines[args["node"]]
    if machine.up:
        await machine.crash()
        await _start_again(world, machine, args["down"])


@act("power-fails")
async def _power_fails(world: World, args: dict[str, Any]) -> None:
    machine = world.machines[args["node"]]
    if machine.up:
        await machine.power_off()
        await _start_again(world, machine, args["down"])


async def _start_again(world: World, machine: Machine, down: float) -> None:
    await world.clock.sleep(down)
    if not machine.up and not machine.excluded:
        machine.start()


@act("disk-full")
async def _disk_full(world: World, args: dict[str, Any]) -> None:
    world.disk.full = True
    await world.clock.sleep(args["for"])
    world.disk.full = False


# What happens to the network.


@act("partition")
async def _partition(world: World, args: dict[str, Any]) -> None:
    route = world.machines[args["node"]].route
    route.cut(up=args["way"] in ("both", "up"), down=args["way"] in ("both", "down"))
    await world.clock.sleep(args["for"])
    route.heal()


@act("reset")
async def _reset(world: World, args: dict[str, Any]) -> None:
    world.machines[args["node"]].route.reset()


@act("slow-network")
async def _slow_network(world: World, args: dict[str, Any]) -> None:
    world.machines[args["node"]].route.latency = args["latency"]


# What happens to containers.


@act("container-ends")
async def _container_ends(world: World, args: dict[str, Any]) -> None:
    engine = world.machines[args["node"]].engine
    await engine.exit(engine.pick_running(args["number"]).id, args["code"])


@act("container-removed")
async def _container_removed(world: World, args: dict[str, Any]) -> None:
    engine = world.machines[args["node"]].engine
    await engine.remove(engine.pick_running(args["number"]).id, force=True)


@act("crash-loop")
async def _crash_loop(world: World, args: dict[str, Any]) -> None:
    for _ in range(args["times"]):
        await asyncio.gather(_container_ends(world, {"node": args["node"], "number": 0, "code": 1}),
                             return_exceptions=True)
        await world.clock.sleep(1.5)


def _node(world: World, args: dict[str, Any]) -> Node:
    return world.leader.ask().get_node(world.machines[args["node"]].node_id)
