"""Owns what runs on a manager: builds the control loops over one store and runs them as one.

The loops do not know each other; only this module knows them all. It must not know sockets, certificates or nodes:
what serves those (the dispatcher, the CA) is handed in to be run with the rest.
Counterpart: swarmkit/manager/manager.go (becomeLeader).
"""

from __future__ import annotations

from collections.abc import Mapping

from swarmkit_py.ca.reconciler import RootReconciler
from swarmkit_py.clock import Clock
from swarmkit_py.ids import Ids
from swarmkit_py.manager.allocator.loop import Allocator
from swarmkit_py.manager.group import Runnable, run_all
from swarmkit_py.manager.loop import Part, follow
from swarmkit_py.manager.orchestrator.enforcer import ConstraintEnforcer
from swarmkit_py.manager.orchestrator.reaper import TaskReaper
from swarmkit_py.manager.orchestrator.services import ServiceOrchestrator
from swarmkit_py.manager.orchestrator.supervisor import RestartSupervisor
from swarmkit_py.manager.orchestrator.update import UpdateStep
from swarmkit_py.manager.orchestrator.update import step as by_policy
from swarmkit_py.manager.orchestrator.updater import Updater
from swarmkit_py.manager.rebalancer import Rebalancer
from swarmkit_py.manager.scheduler.loop import Place, Scheduler
from swarmkit_py.manager.scheduler.placement import place as spread_evenly
from swarmkit_py.store.memory import Store


def control_loops(
    store: Store, clock: Clock, ids: Ids, place: Place = spread_evenly, update_step: UpdateStep = by_policy,
) -> dict[str, Part]:
    """The loops of a manager by name, in the order in which a service passes through them."""
    return {
        "orchestrator": ServiceOrchestrator(store, clock, ids),
        "updater": Updater(store, clock, ids, update_step),
        "restart supervisor": RestartSupervisor(store, clock, ids),
        "allocator": Allocator(store, clock),
        "scheduler": Scheduler(store, clock, place),
        "constraint enforcer": ConstraintEnforcer(store, clock),
        "task reaper": TaskReaper(store, clock),
        "rebalancer": Rebalancer(store, clock, ids),
        "root reconciler": RootReconciler(store, clock),
    }


class Manager:
    """`run()` until cancelled. `others`: what lives and dies with the manager (`{"dispatcher": dispatcher.run}`).

    Nothing is kept from one run to the next but the store: a manager that starts again finds its work there."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, *, others: Mapping[str, Runnable] | None = None,
        place: Place = spread_evenly, update_step: UpdateStep = by_policy,
    ) -> None:
        self._store = store
        self._clock = clock
        self._parts = control_loops(store, clock, ids, place, update_step)
        self._others = dict(others or {})

    async def run(self) -> None:
        """All loops. Raises Internal with the name of the first that ends; the others are ended with it."""
        loops: dict[str, Runnable] = {name: self._loop(part) for name, part in self._parts.items()}
        await run_all("manager", loops | self._others)

    def _loop(self, part: Part) -> Runnable:
        return lambda: follow(part, self._store, self._clock)
