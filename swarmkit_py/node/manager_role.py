"""Owns the part of a daemon that only a manager runs: store, port 2377, and, while it leads, all that a leader does.

A swarm begins with one manager and its journal; with the second the store moves to etcd, of which each manager has a
member. Counterpart: swarmkit/node/node.go (runManager), manager/manager.go (Run).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from aiohttp import web
from msgspec.structs import replace

from swarmkit_py.ca.root import MANAGER_NAME, identity_of
from swarmkit_py.ca.server import CAServer
from swarmkit_py.ca.tls import client_context, server_context
from swarmkit_py.ca.tokens import new_token
from swarmkit_py.clock import Clock
from swarmkit_py.errors import Internal, NoLeader, NotLeader, SwarmError, Unavailable
from swarmkit_py.etcd.member import NO_PROGRAM, find_program
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control.control import Control
from swarmkit_py.manager.control.logs import Line
from swarmkit_py.manager.roles import RoleManager
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, ManagerStatus, Node, Task
from swarmkit_py.model.states import Role
from swarmkit_py.node.addresses import split_port
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.leader import Leader
from swarmkit_py.node.managers import ManagerDesk
from swarmkit_py.node.options import NodeOptions
from swarmkit_py.node.raft_member import (
    Launcher,
    MemberIdentity,
    RaftMember,
    Steps,
    first_identity,
    launch,
    load_identity,
    new_authority,
    save_identity,
)
from swarmkit_py.rpc.auth import ANYONE, MANAGERS, MEMBERS, authorize
from swarmkit_py.rpc.channel import Channel, ChannelClosed
from swarmkit_py.rpc.client import Carried, call, carry
from swarmkit_py.rpc.messages import Shutdown
from swarmkit_py.rpc.race import cancel, within
from swarmkit_py.rpc.server import RawHandler, RpcServer
from swarmkit_py.rpc.wire import (
    API_PATH,
    ISSUE_PATH,
    MANAGER_JOIN_PATH,
    PING_PATH,
    RENEW_PATH,
    ROOT_PATH,
    SESSION_PATH,
    CertificateAnswer,
    Empty,
    IssueRequest,
    ManagerJoinAnswer,
    ManagerJoinRequest,
    PingAnswer,
    RenewRequest,
)
from swarmkit_py.runtime.base import LogOptions
from swarmkit_py.seal import new_key
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store, Transaction
from swarmkit_py.store.rows import Rows

log = logging.getLogger(__name__)

DEMOTION_SECONDS = 16.0
"""So long a manager whose member was removed waits to be told that it is a worker."""


@dataclass(frozen=True)
class ManagerEvents:
    """What the node wants to hear of: what keeps this manager from working, and a membership to remember."""

    failed: Callable[[str], None]
    changed: Callable[[Membership], None]


class ManagerRole:
    """`start` raises what keeps this node from being the manager it was (a damaged journal, a taken port).

    `alone`: the other managers are lost; this one goes on without them, as the only one."""

    def __init__(
        self, options: NodeOptions, disk: SwarmDisk, membership: Membership, clock: Clock, ids: Ids,
        events: ManagerEvents, launcher: Launcher = launch, *, alone: bool = False,
    ) -> None:
        self._options, self._disk, self._membership = options, disk, membership
        self._clock, self._ids, self._events, self._launcher = clock, ids, events, launcher
        self._alone = alone
        self._data_key = _data_key(disk)
        self._journal = None if membership.shared else SqliteJournal(disk.journal, self._data_key, must_exist=True)
        self._store = Store(clock, self._journal)
        self._member: RaftMember | None = None
        self._leader: Leader | None = None
        self._control = Control(self._store, clock, ids, self, new_token=self._new_token,
                                cluster_changed=self._follow_settings)
        self._ca = CAServer(self._store, clock, ids, self._no_managers)
        self._rpc = RpcServer(server_context(disk.certificates), identity_of, self._check)
        self._context = client_context(disk.certificates)
        self._desk = ManagerDesk(self._rpc, self._leading, self._leader_address, lambda: self._context)
        self._sharing = asyncio.Lock()
        self._watching: list[asyncio.Task[None]] = []
        self.serve_api: RawHandler | None = None
        """Answers a request of the Docker API that another manager has handed on."""

    async def start(self) -> None:
        if self._membership.shared:
            self._member = self._make_member(load_identity(self._disk, self._data_key))
            if self._alone:
                await self._member.begin_alone()
                await self._member.stop()
                self._member = self._make_member(self._member.identity)
        else:
            self._follow_settings(self._cluster())
        self._add_routes()
        host, port = split_port(self._membership.listen_addr, 0)
        try:
            await self._rpc.start(host, port)
        except OSError as error:
            await self.stop()
            raise Unavailable(f"cannot listen on {self._membership.listen_addr}: {error.strerror or error}; "
                              "is another swarm manager running on this host?") from None
        self._watching.append(asyncio.create_task(self._watch_settings()))
        if self._member is not None:
            self._member.start()
        else:
            await self._lead()

    async def stop(self) -> None:
        await cancel(*self._watching)
        member, self._member = self._member, None
        if member is not None:
            await member.stop()
        await self._follow()
        await self._rpc.stop()
        self._store.close()

    async def until_ready(self, seconds: float) -> None:
        """Wait until this manager can answer. Raises TimeoutError."""
        await within(self._clock, seconds, self._answers())

    @property
    def control(self) -> Control:
        """The verbs, on the leader. Raises NotLeader on a manager that follows, NoLeader if there is none."""
        known = self.view
        if not self._leading():
            raise NotLeader("this manager follows another one")
        return known

    @property
    def view(self) -> Control:
        """What this manager knows, for reading: a moment behind the leader. Raises NoLeader."""
        if not self._leading() and not self._leader_address():
            raise NoLeader
        return self._control

    def subscribe(self, tasks: list[Task], options: LogOptions) -> AsyncIterator[Line]:
        """Log lines: only the leader has the nodes' sessions (`control.logs.LogBroker`)."""
        if self._leader is None:
            raise NotLeader("this manager follows another one")
        return self._leader.dispatcher.broker.subscribe(tasks, options)

    def carry(self, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Carried]:
        """Hand a request of the Docker API to the leader. Raises NoLeader."""
        address = self._leader_address()
        if not address:
            raise NoLeader
        return carry(address, API_PATH, body, headers, self._context, MANAGER_NAME)

    async def caught_up(self, index: int) -> None:
        """Wait (a little) until what the leader has just written can be read here."""
        if self._member is not None:
            await self._member.shared.until(index, 2.0)

    @property
    def index(self) -> int:
        """The version of the store."""
        return self._store.index

    def certificates_changed(self) -> None:
        """This node has a new certificate, or trusts another root."""
        self._rpc.use(server_context(self._disk.certificates))
        self._context = client_context(self._disk.certificates)

    def _add_routes(self) -> None:
        self._desk.add(ROOT_PATH, ANYONE, Empty, self._ca.root)
        self._desk.add_for_leader(ISSUE_PATH, ANYONE, IssueRequest, CertificateAnswer, self._ca.issue)
        self._desk.add_for_leader(RENEW_PATH, MEMBERS, RenewRequest, CertificateAnswer, self._ca.renew)
        self._desk.add_for_leader(MANAGER_JOIN_PATH, MANAGERS, ManagerJoinRequest, ManagerJoinAnswer, self._join)
        self._desk.add(PING_PATH, MANAGERS, Empty, self._answer_ping)
        self._rpc.add_session(SESSION_PATH, MEMBERS, self._serve_session)
        self._rpc.add_raw(API_PATH, MANAGERS, self._serve_api)

    def _make_member(self, identity: MemberIdentity) -> RaftMember:
        return RaftMember(
            self._options, self._disk, self._membership, identity, self._store, Rows(self._data_key), self._clock,
            Steps(self._lead, self._follow, self._evicted, self._may_lead), self._launcher)

    def _leading(self) -> bool:
        return self._leader is not None

    def _leader_address(self) -> str:
        """`host:port` of the manager that leads, "" if none does as far as this one knows."""
        if self._member is None:
            return self._membership.advertise_addr if self._leader is not None else ""
        shared = self._member.shared
        return shared.leader.addr if shared.leader is not None and shared.quorum else ""

    def _may_lead(self) -> bool:
        me = self._store.get(Node, self._membership.node_id)
        return me is not None and me.spec.role is Role.MANAGER

    async def _lead(self) -> None:
        if self._leader is not None:
            return
        if self._alone:
            self._forget_others()
        others = {"role manager": self._roles().run}
        self._leader = Leader(self._store, self._clock, self._ids, self._gave_up, others)
        self._leader.start()

    async def _follow(self) -> None:
        leader, self._leader = self._leader, None
        if leader is not None:
            await leader.stop()

    def _gave_up(self, reason: str) -> None:
        """The loops keep ending: another manager may do better."""
        if self._member is not None:
            self._member.shared.step_down()
        else:
            self._events.failed(reason)

    def _roles(self) -> RoleManager:
        etcd = self._member.etcd if self._member is not None else None
        return RoleManager(self._store, self._clock, etcd, self._membership.node_id, self._ping, self._step_down)

    def _step_down(self) -> None:
        if self._member is not None:
            self._member.shared.step_down()

    def _forget_others(self) -> None:
        """Who was a manager before is one no more: its member is not among ours."""
        self._alone = False

        def change(tx: Transaction) -> None:
            for node in tx.all(Node):
                if node.id == self._membership.node_id:
                    status = replace(node.manager_status or ManagerStatus(), addr=self._membership.advertise_addr)
                    tx.update(replace(node, manager_status=status))
                elif Role.MANAGER in (node.spec.role, node.actual_role):
                    spec = replace(node.spec, role=Role.WORKER)
                    tx.update(replace(node, spec=spec, role=Role.WORKER, manager_status=None))

        self._store.update(change)

    def _evicted(self) -> None:
        self._watching.append(asyncio.create_task(self._await_demotion()))

    async def _await_demotion(self) -> None:
        await self._clock.sleep(DEMOTION_SECONDS)
        self._events.failed("the other managers have removed this one from their number: "
                            '"docker swarm leave --force", then it may join again')

    async def _ping(self, addr: str) -> bool:
        try:
            answer = await call(addr, PING_PATH, Empty(), PingAnswer, self._context, MANAGER_NAME, 2.0)
        except SwarmError:
            return False
        return answer.sound

    async def _answer_ping(self, caller: Identity | None, request: Empty) -> PingAnswer:
        return PingAnswer(sound=self._member is not None and self._member.shared.quorum)

    async def _join(self, caller: Identity | None, request: ManagerJoinRequest) -> ManagerJoinAnswer:
        assert caller is not None, "the route is for managers"
        async with self._sharing:
            member = await self._share()
            return await self._desk.admit(member, self._store, self._data_key, caller, request, self._clock)

    async def _share(self) -> RaftMember:
        """Move the store to etcd, if it is not there yet. Raises FailedPrecondition without etcd, Unavailable."""
        if self._member is not None:
            return self._member
        if not self._cluster().raft_ca:
            authority = new_authority(self._clock)
            self._store.update(lambda tx: tx.update(replace(
                self._cluster(), raft_ca=authority.cert_pem, raft_key=authority.key_pem)))
        membership = replace(self._membership, shared=True)
        me = Identity(node_id=membership.node_id, cluster_id=membership.cluster_id, role=Role.MANAGER)
        peer_address = f"{membership.addr}:{self._options.raft_port}"
        identity = first_identity(self._desk.authority(self._store), me, peer_address, self._clock)
        member = self._make_member(identity)
        await member.found(self._store)
        # From the last look at the tables to here nothing was awaited: etcd holds exactly what they hold.
        save_identity(self._disk, self._data_key, identity)
        self._events.changed(membership)
        self._membership, self._member = membership, member
        journal, self._journal = self._journal, None
        member.go_on()
        if journal is not None:
            journal.close()
        self._disk.forget_journal()
        await self._restart_loops()
        return member

    async def _restart_loops(self) -> None:
        """With a role manager that knows of the members."""
        await self._follow()
        await self._lead()

    async def _serve_session(self, caller: Identity, channel: Channel) -> None:
        if self._leader is not None:
            return await self._leader.dispatcher.serve(caller, channel)
        try:
            channel.send(Shutdown(reason="this manager does not lead", leader=self._leader_address()))
        except ChannelClosed:
            pass  # nobody is left to tell

    async def _serve_api(self, caller: Identity, request: web.Request) -> web.StreamResponse:
        if self.serve_api is None or self._leader is None:
            raise NoLeader  # one hop only: who asks here took this manager for the leader
        return await self.serve_api(caller, request)

    def _follow_settings(self, cluster: Cluster) -> None:
        """What the cluster's settings mean on this manager's disk. Raises Unavailable if it cannot be written."""
        raft = cluster.spec.raft
        if self._journal is not None:
            self._journal.snapshots.interval = raft.snapshot_interval or 0
            self._journal.snapshots.keep = raft.keep_old_snapshots or 0
        try:
            self._disk.certificates.lock_with(cluster.unlock_key)
        except OSError as error:
            raise Unavailable(f"the setting is stored, but this manager's keys could not be written ({error}); free "
                              "space on its disk and start its daemon again") from None

    async def _watch_settings(self) -> None:
        """A setting that was changed through another manager."""
        with self._store.watch(Cluster) as watch:
            while True:
                await watch.next()
                watch.acknowledge_resync()
                try:
                    self._follow_settings(self._cluster())
                except SwarmError as error:
                    log.error("the cluster's settings are not followed: %s", error)

    def _no_managers(self) -> str:
        return "" if self._member is not None or find_program(self._options.etcd) else f"on the leader: {NO_PROGRAM}"

    def _check(self, caller: Identity | None, roles: frozenset[Role]) -> None:
        clusters = self._store.all(Cluster)
        removed = clusters[0].removed_nodes if clusters else ()
        authorize(caller, roles, self._membership.cluster_id, removed)

    def _new_token(self, role: Role) -> str:
        return new_token(self._cluster().root_ca)

    async def _answers(self) -> None:
        while not self._leading() and not self._leader_address():
            await self._clock.sleep(0.05)

    def _cluster(self) -> Cluster:
        clusters = self._store.all(Cluster)
        if not clusters:
            raise Internal("the manager's store holds no cluster")
        return clusters[0]


def _data_key(disk: SwarmDisk) -> bytes:
    """The store's key. A manager of an earlier version has none yet: its journal is in clear until it is opened."""
    found = disk.certificates.read().data_key
    if found is None:
        found = new_key()
        disk.certificates.save_data_key(found)
    return found
