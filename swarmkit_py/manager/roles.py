"""Owns how a wanted role becomes one, on the leader: members come and go, certificates follow; and who is reachable.

Promotion: the role changes, the node asks for a certificate, then joins (`node.managers`); it is told everything
before it has a vote. Demotion: out of the members first, then the role, then the certificate.
Writes `Node.role` and `Node.manager_status`. Counterpart: swarmkit/manager/role_manager.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.etcd.base import Etcd, Member
from swarmkit_py.manager.quorum import REACHABLE, UNREACHABLE, may_lose, members_of
from swarmkit_py.model.objects import ManagerStatus, Node
from swarmkit_py.model.states import Role
from swarmkit_py.rpc.race import cancel, until_first_ends
from swarmkit_py.store.memory import Store, Transaction

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
SOON_SECONDS = 0.2
HANDING_ON_LOOKS = 25
PING_SECONDS = 1.0
MISSED_PINGS = 2
UNSTARTED_SECONDS = 60.0
"""So long a member that was added may take to start; then its place is given up."""


class RoleManager:
    """`run` until cancelled. `etcd`: None while there is one manager with a journal of its own. `ping(addr)` is True
    if that manager is well; `step_down` lets another one lead."""

    def __init__(
        self, store: Store, clock: Clock, etcd: Etcd | None, node_id: str, ping: Callable[[str], Awaitable[bool]],
        step_down: Callable[[], None],
    ) -> None:
        self._store, self._clock, self._etcd, self._me = store, clock, etcd, node_id
        self._ping, self._step_down = ping, step_down
        self._unstarted: dict[int, float] = {}
        self._missed: dict[str, int] = {}
        self._handing_on: dict[int, int] = {}

    async def run(self) -> None:
        """See the module."""
        self._store.update(self._show_leader)
        await until_first_ends(self._keep_roles(), self._keep_statuses())

    async def _keep_roles(self) -> None:
        with self._store.watch(Node) as watch:
            while True:
                wait = RETRY_SECONDS
                try:
                    wait = await self.reconcile()
                except Unavailable as error:
                    log.warning("roles: %s; again in %g s", error, wait)
                news, alarm = asyncio.ensure_future(watch.next()), asyncio.ensure_future(self._clock.sleep(wait))
                try:
                    await asyncio.wait({news, alarm}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    await cancel(news, alarm)

    async def reconcile(self) -> float:
        """One look at all; seconds until the next is worth it. Raises Unavailable."""
        etcd = self._etcd
        members = await etcd.members() if etcd is not None else []
        waiting = [await self._bring_up(etcd, member) for member in members if etcd and member.learner]
        for node in self._store.all(Node):
            member = next((m for m in members if m.name == node.id), None)
            if node.spec.role is Role.MANAGER and node.actual_role is Role.WORKER:
                self._set_role(node.id, Role.MANAGER)
            elif node.spec.role is Role.WORKER and (node.actual_role is Role.MANAGER or member):
                waiting.append(await self._demote(node, member))
        for member in members:
            if etcd is not None and member.name and self._store.get(Node, member.name) is None:
                await etcd.remove(member.id)
        return SOON_SECONDS if any(waiting) else RETRY_SECONDS

    async def _bring_up(self, etcd: Etcd, member: Member) -> bool:
        """Give a learner its vote when it knows what the others know; True if that is still to come."""
        first_seen = self._unstarted.setdefault(member.id, self._clock.monotonic())
        if not member.name and self._clock.monotonic() - first_seen > UNSTARTED_SECONDS:
            log.warning("the member at %s never started: its place is given up", member.peer_url)
            await etcd.remove(member.id)
            return False
        if not member.name:
            return True
        try:
            await etcd.promote(member.id)
        except Unavailable as error:
            log.info("the new member at %s has no vote yet: %s", member.peer_url, error)
            return True
        return False

    async def _demote(self, node: Node, member: Member | None) -> bool:
        """True if it is to be looked at again soon."""
        if node.id == self._me:
            log.warning("this manager is to be a worker: another one is to lead")
            self._step_down()
            return False
        if member is not None and self._etcd is not None:
            if not member.learner and not may_lose(self._store.all(Node), node.id):
                log.warning("%s cannot be demoted now: too few managers would be left", node.id)
                return False
            if await self._leads_raft(self._etcd, member):
                return True
            await self._etcd.remove(member.id)
        self._set_role(node.id, Role.WORKER)
        return False

    async def _leads_raft(self, etcd: Etcd, member: Member) -> bool:
        """Raft would have to elect before anything else is written: its leader is asked to hand on first, which its
        manager does when it follows (`etcd.shared`). One that never does is removed all the same."""
        self._handing_on[member.id] = self._handing_on.get(member.id, 0) + 1
        leads = (await etcd.status()).leader_id == member.id
        return leads and self._handing_on[member.id] < HANDING_ON_LOOKS

    def _set_role(self, node_id: str, role: Role) -> None:
        def change(tx: Transaction) -> None:
            node = tx.get(Node, node_id)
            if node is not None and node.spec.role is role:
                status = node.manager_status if role is Role.MANAGER else None
                tx.update(replace(node, role=role, manager_status=status))

        self._store.update(change)

    async def _keep_statuses(self) -> None:
        while True:
            others = [node for node in members_of(self._store.all(Node)) if node.id != self._me]
            answers = await asyncio.gather(*(self._answers(node) for node in others))
            try:
                for node, answered in zip(others, answers, strict=True):
                    self._heard(node.id, answered)
            except Unavailable as error:
                log.warning("reachability not written: %s", error)
            await self._clock.sleep(PING_SECONDS)

    async def _answers(self, node: Node) -> bool:
        status = node.manager_status
        return status is not None and await self._ping(status.addr)

    def _heard(self, node_id: str, answered: bool) -> None:
        self._missed[node_id] = 0 if answered else self._missed.get(node_id, 0) + 1
        if answered or self._missed[node_id] >= MISSED_PINGS:
            self._show(node_id, REACHABLE if answered else UNREACHABLE)

    def _show(self, node_id: str, reachability: str) -> None:
        def change(tx: Transaction) -> None:
            node = tx.get(Node, node_id)
            if node is not None and node.manager_status and node.manager_status.reachability != reachability:
                tx.update(replace(node, manager_status=replace(node.manager_status, reachability=reachability)))

        self._store.update(change)

    def _show_leader(self, tx: Transaction) -> None:
        for node in members_of(tx.all(Node)):
            old, leads = node.manager_status or ManagerStatus(), node.id == self._me
            new = replace(old, leader=leads, reachability=REACHABLE if leads else old.reachability)
            if new != old:
                tx.update(replace(node, manager_status=new))
