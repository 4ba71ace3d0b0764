"""Owns one machine's daemon: which swarm it is in, and starting and ending the roles it has there.

Implements `docker_api.backend.NodeBackend`. Must not know HTTP. Counterpart: moby/daemon/cluster/cluster.go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import cast

from aiohttp import web
from msgspec.structs import replace

from swarmkit_py.ca.root import identity_of_pem
from swarmkit_py.ca.unlock_key import key_bytes
from swarmkit_py.clock import Clock, SystemClock
from swarmkit_py.docker_api.backend import ControlApi, InitRequest, JoinRequest, Passage, SwarmInfo
from swarmkit_py.errors import Conflict, NoLeader, SwarmError, Unavailable
from swarmkit_py.etcd.member import find_program
from swarmkit_py.ids import Ids
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.generic import parse_offer
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Node as StoredNode
from swarmkit_py.model.objects import NodeDescription
from swarmkit_py.model.states import Role
from swarmkit_py.node import texts
from swarmkit_py.node.addresses import address_towards, choose_advertise, has_address, local_addresses, split_port
from swarmkit_py.node.admission import Admission
from swarmkit_py.node.agent_role import AgentRole, RoleEvents
from swarmkit_py.node.clearing import remove_tasks
from swarmkit_py.node.describe import describe_node
from swarmkit_py.node.disk import Membership, PendingJoin, SwarmDisk, daemon_id
from swarmkit_py.node.founding import alone_at, create_cluster
from swarmkit_py.node.info import not_a_member, remote_managers
from swarmkit_py.node.join import Attempt, Credentials
from swarmkit_py.node.manager_role import ManagerEvents, ManagerRole
from swarmkit_py.node.options import NodeOptions
from swarmkit_py.node.parts import Parts, make_parts
from swarmkit_py.node.raft_member import Launcher, launch
from swarmkit_py.node.requests import Joining, read_init, read_join
from swarmkit_py.node.role_change import RoleChange
from swarmkit_py.rpc.race import cancel

log = logging.getLogger(__name__)

MANAGER_WAIT = 15.0
"""Seconds for a manager's member to learn the store."""
READY_WAIT = 5.0
"""Seconds `docker swarm init` and `join` wait for the first session (Docker: 20)."""


class Node:
    """`start` it (takes up the membership on disk), `stop` it (containers live on)."""

    def __init__(
        self, options: NodeOptions, clock: Clock | None = None, parts: Parts | None = None,
        launcher: Launcher = launch,
    ) -> None:
        self.options, self._launcher = options, launcher
        self.clock = clock or SystemClock()
        self.ids = Ids()
        self.hostname = options.hostname
        self._offer = parse_offer(options.generic_resources)
        self.data_root = str(options.data_root)
        options.data_root.mkdir(mode=0o700, parents=True, exist_ok=True)
        options.exec_root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.daemon_id = daemon_id(options.data_root, self.ids.container_id())
        self._parts = parts or make_parts(options, self.clock, self.ids)
        self.engine, self.images = self._parts.engine, self._parts.images
        self.volumes, self.bridges = self._parts.volumes, self._parts.bridges
        self._disk = SwarmDisk(options.data_root)
        self._membership: Membership | None = None
        self._manager: ManagerRole | None = None
        self._agent: AgentRole | None = None
        self._attempt: Attempt | None = None
        self._joining: asyncio.Task[None] | None = None
        self._error = ""
        self._locked = False
        self._changing = asyncio.Lock()
        self._role_change = RoleChange(self, self._disk, self.clock)
        self.serve_forwarded: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None

    async def start(self) -> None:
        """Be again what this node was. What keeps it from its swarm is shown by `docker info`, not raised."""
        self._parts.attachments.member = self._disk.is_member()
        await self._parts.start()
        try:
            self._membership = self._disk.load()
            if self._membership is None:
                await self._resume_joining()
            elif self._disk.certificates.locked():
                self._locked = True
            else:
                await self._start_roles(self._membership)
        except SwarmError as error:
            log.error("swarm: %s", error)
            self._error = error.message

    async def stop(self) -> None:
        """End the daemon's part; tasks go on without it."""
        await self._stop_joining()
        await self._role_change.stop()
        await self._stop_roles()
        await self._parts.stop()

    def swarm_info(self) -> SwarmInfo:
        member, attempt = self._membership, self._attempt
        if member is None:
            return not_a_member(self._state(), self._error, attempt.addr if attempt else "",
                                attempt.addresses if attempt else [])
        return SwarmInfo(
            node_id=member.node_id, node_addr=member.addr, local_node_state=self._state(),
            error=texts.LOCKED if self._locked else self._error,
            control_available=self._manager is not None and not self._error,
            remote_managers=remote_managers(self.known_managers or member.managers),
        )

    def node_networks(self) -> list[NetworkAssignment]:
        return self._agent.networks if self._agent else []

    async def network_differences(self) -> list[str]:
        return await self._parts.network.verify()

    def control(self) -> ControlApi:
        return cast(ControlApi, self._as_manager().control)

    def control_view(self) -> ControlApi:
        return cast(ControlApi, self._as_manager().view)

    def carry(self, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Passage]:
        return cast("AbstractAsyncContextManager[Passage]", self._as_manager().carry(body, headers))

    async def caught_up(self, index: int) -> None:
        await self._as_manager().caught_up(index)

    def store_index(self) -> int:
        return self._manager.index if self._manager is not None else 0

    def _as_manager(self) -> ManagerRole:
        """Raises Unavailable with Docker's text."""
        if self._locked or self._error:
            raise Unavailable(texts.LOCKED if self._locked else self._error)
        if self._manager is not None:
            return self._manager
        raise Unavailable(texts.NOT_MANAGER_WORKER if self._membership else texts.NOT_MANAGER_NO_SWARM)

    async def swarm_init(self, request: InitRequest) -> str:
        async with self._changing:
            if request.force_new_cluster and self._membership is not None:
                return await self._force_new_cluster(request, self._membership)
            self._refuse_member()
            wanted = read_init(request, self.options.listen_port)
            addr = choose_advertise(wanted.advertise_host, local_addresses(), has_address(wanted.advertise_host))
            advertise = f"{addr}:{wanted.advertise_port}"
            node_id = self.ids.object_id()
            member = Membership(
                node_id=node_id, cluster_id=self.ids.object_id(), role=Role.MANAGER, addr=addr,
                listen_addr=wanted.listen_addr, advertise_addr=advertise, managers=[(node_id, advertise)],
            )
            try:
                create_cluster(self._disk, self.clock, self.ids, wanted.cluster, member,
                               lambda root: self._describe(root, ""))
                await self._become(member)
            except BaseException:
                await self._forget()
                raise
            return member.node_id

    async def swarm_join(self, request: JoinRequest) -> None:
        async with self._changing:
            self._refuse_member()
            wanted = read_join(request, self.options.listen_port)
            remote, port = split_port(wanted.addresses[0], 0)
            host = wanted.advertise_host
            addr = choose_advertise(host, local_addresses(), has_address(host)) if host else (
                address_towards(remote, port))
            attempt = self._new_attempt(wanted, addr)
            try:
                credentials = await attempt.first_try()
            except TimeoutError:
                self._disk.save_joining(PendingJoin(request=request, addr=addr))
                self._go_on_joining(attempt)
                raise Unavailable(texts.JOIN_TIMEOUT) from None
            await self._joined(attempt, credentials)

    async def swarm_leave(self, force: bool) -> None:
        async with self._changing:
            if self._state() == "inactive":
                raise Unavailable(texts.NO_SWARM)
            if self._locked and not force:
                raise Unavailable(texts.LOCKED_LEAVE)
            if self._membership and self._membership.role is Role.MANAGER and not force:
                raise Unavailable(texts.manager_leaves(self._known_nodes(), self._membership.node_id))
            await self._stop_joining()
            await self._role_change.stop()
            # The manager first: it must not hear its own node's goodbye and give that node's tasks to the others.
            await self.end_manager()
            if self._agent is not None:
                await self._agent.leave()
                self._agent = None
            else:
                await remove_tasks(self.engine, self._parts.network)
            await self._forget()

    async def swarm_unlock(self, key: str) -> None:
        async with self._changing:
            if not self._locked:
                self.control()
                raise Conflict(texts.NOT_LOCKED)
            assert self._membership is not None
            key_bytes(key)
            files = self._disk.certificates
            files.unlock_key = key
            try:
                files.read()
                await self._start_roles(self._membership)
                await self._until_manager_answers()
            except BaseException:
                files.unlock_key = ""
                raise
            self._locked = False

    async def _force_new_cluster(self, request: InitRequest, member: Membership) -> str:
        """This manager goes on alone from its own disk, perhaps at another address; other managers are forgotten."""
        if self._locked:
            raise Unavailable(texts.LOCKED)
        if member.role is not Role.MANAGER:
            raise Unavailable(texts.NOT_MANAGER_WORKER)
        wanted = read_init(request, self.options.listen_port)
        member = alone_at(member, wanted)
        await self._stop_roles()
        self._error = ""
        await self._become(member, alone=True)
        return member.node_id

    async def _resume_joining(self) -> None:
        """Go on with a join that no manager has answered; forget what an interrupted init or join left."""
        pending = self._disk.load_joining()
        self._disk.wipe()
        if pending is not None:
            self._disk.save_joining(pending)
            wanted = read_join(pending.request, self.options.listen_port)
            self._go_on_joining(self._new_attempt(wanted, pending.addr))

    def _new_attempt(self, wanted: Joining, addr: str) -> Attempt:
        return Attempt(wanted, addr, self.clock, find_program(self.options.etcd) is not None)

    def _go_on_joining(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._joining = asyncio.create_task(self._join_in_background(attempt))

    async def _joined(self, attempt: Attempt, credentials: Credentials) -> None:
        identity = identity_of_pem(credentials.cert)
        member = Membership(
            node_id=identity.node_id, cluster_id=identity.cluster_id, role=identity.role, addr=attempt.addr,
            managers=[("", address) for address in attempt.addresses], listen_addr=attempt.wanted.listen_addr,
            advertise_addr=f"{attempt.addr}:{attempt.wanted.advertise_port}",
        )
        if member.role is Role.MANAGER:
            folder = self.options.exec_root / "joining"
            admission = Admission(self._disk, member, self.options.raft_port, self.clock)
            member = await admission.with_credentials(folder, credentials, attempt.addresses)
        else:
            self._disk.prepare()
            self._disk.certificates.save(root=credentials.root, cert=credentials.cert, key=credentials.key)
        await self._become(member)

    async def _join_in_background(self, attempt: Attempt) -> None:
        try:
            await self._joined(attempt, await attempt.until_answered())
        except SwarmError as error:
            log.warning("joining: %s", error)
            self._error = error.wire_text()
        except Exception as error:
            # Nobody waits for this task: what stopped it must be seen in `docker info`.
            log.exception("joining")
            self._error = f"internal error: {error}"

    async def _become(self, member: Membership, *, alone: bool = False) -> None:
        """The state is on disk before the roles start: from here on a restart continues."""
        self._disk.save(member)
        self._disk.save_joining(None)
        self._membership, self._attempt = member, None
        await self._start_roles(member, alone=alone)
        assert self._agent is not None
        try:
            await self._until_manager_answers()
            await self._agent.until_ready(READY_WAIT)
        except TimeoutError:
            raise Unavailable(texts.JOIN_TIMEOUT) from None

    async def _until_manager_answers(self) -> None:
        if self._manager is not None:
            await self._manager.until_ready(MANAGER_WAIT)

    async def _start_roles(self, member: Membership, *, alone: bool = False) -> None:
        if member.role is Role.MANAGER:
            await self.start_manager(member, alone=alone)
        events = RoleEvents(managers_changed=self._save_managers, failed=self._failed,
                            certificates_changed=self._certificates_changed)
        self._agent = AgentRole(self._disk, member, self.engine, self._parts.network, self.clock, self._describe,
                                events, lambda ref: self.images.pull(ref), self._parts.attachments,
                                can_manage=find_program(self.options.etcd) is not None)
        self._parts.attachments.member = True
        self._agent.start()
        self._role_change.look()

    async def start_manager(self, member: Membership, *, alone: bool = False) -> None:
        """Begin to manage. `alone`: without the managers there were."""
        events = ManagerEvents(failed=self._failed, changed=self.remember)
        manager = ManagerRole(self.options, self._disk, member, self.clock, self.ids, events, self._launcher,
                              alone=alone)
        manager.serve_api = self._serve_forwarded
        self._manager = manager
        await manager.start()

    async def _serve_forwarded(self, caller: Identity, request: web.Request) -> web.StreamResponse:
        if self.serve_forwarded is None:
            raise NoLeader
        log.info("node %s hands on: %s", caller.node_id, request.headers.get("Swarm-Target", ""))
        return await self.serve_forwarded(request)

    def _certificates_changed(self) -> None:
        if self._manager is not None:
            self._manager.certificates_changed()
        self._role_change.look()

    async def end_manager(self) -> None:
        """This node is to manage no more."""
        manager, self._manager = self._manager, None
        if manager is not None:
            await manager.stop()

    @property
    def membership(self) -> Membership | None:
        """Which swarm this node is in, and as what."""
        return self._membership

    @property
    def known_managers(self) -> list[tuple[str, str]]:
        """(node id, `host:port`) of each."""
        return self._agent.managers if self._agent else []

    def remember(self, member: Membership) -> None:
        """From here on a restart goes on with this."""
        self._disk.save(member)
        self._membership = member

    def _known_nodes(self) -> list[StoredNode] | None:
        try:
            return self._as_manager().view.list_nodes()
        except SwarmError:
            return None

    def _describe(self, root: str, chain: str) -> NodeDescription:
        return describe_node(self.hostname, root, chain, self._offer, self.options.memory)

    async def _stop_roles(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.stop()
        await self.end_manager()

    async def _stop_joining(self) -> None:
        joining, self._joining, self._attempt = self._joining, None, None
        if joining is not None:
            await cancel(joining)

    async def _forget(self) -> None:
        await self._stop_roles()
        self._disk.wipe()
        self._parts.attachments.leave()
        self._membership, self._error, self._locked = None, "", False

    def _refuse_member(self) -> None:
        if self._state() != "inactive":
            raise Unavailable(texts.ALREADY_MEMBER)

    def _state(self) -> str:
        """Docker's LocalNodeState."""
        if self._locked:
            return "locked"
        if self._error:
            return "error"
        if self._membership is None:
            return "pending" if self._attempt else "inactive"
        return "active" if self._agent and self._agent.ready else "pending"

    def _failed(self, reason: str) -> None:
        log.error("%s", reason)
        self._error = reason

    def _save_managers(self, managers: list[tuple[str, str]]) -> None:
        if self._membership is not None and managers != self._membership.managers:
            self.remember(replace(self._membership, managers=managers))
