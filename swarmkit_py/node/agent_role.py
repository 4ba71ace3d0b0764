"""Owns the part of a daemon that every member runs: agent, worker, networks and certificate renewal together.

Counterpart: swarmkit/node/node.go (runAgent, certificate renewal).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from swarmkit_py.agent.attachments import Attachments
from swarmkit_py.agent.managers import Managers
from swarmkit_py.agent.network import NetworkSync
from swarmkit_py.agent.reporter import Reporter
from swarmkit_py.agent.session import Agent, AgentParts, Removed
from swarmkit_py.agent.storage import WorkerStorage
from swarmkit_py.agent.worker import Worker
from swarmkit_py.ca.renewal import renewal_loop
from swarmkit_py.ca.root import MANAGER_NAME, create_key_and_request, signed_by, validity_of
from swarmkit_py.ca.tls import client_context
from swarmkit_py.clock import Clock
from swarmkit_py.errors import Unavailable
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.objects import NodeDescription
from swarmkit_py.network.base import NodeNetwork
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.rpc.channel import Channel
from swarmkit_py.rpc.client import call, open_session
from swarmkit_py.rpc.messages import AttachRequest, Hello, Welcome
from swarmkit_py.rpc.race import cancel, until_first_ends, within
from swarmkit_py.rpc.wire import RENEW_PATH, SESSION_PATH, CertificateAnswer, RenewRequest
from swarmkit_py.runtime.base import ContainerEngine

log = logging.getLogger(__name__)


Describe = Callable[[str, str], NodeDescription]
"""What this node says of itself, given PEM of the root it trusts and of its own certificate's chain."""


@dataclass(frozen=True)
class RoleEvents:
    """What the node wants to hear of."""

    managers_changed: Callable[[list[tuple[str, str]]], None]
    certificates_changed: Callable[[], None]
    failed: Callable[[str], None]
    """The role stopped by itself, with this reason."""


class AgentRole:
    """`start`, then either `stop` (containers live on) or `leave` (they go)."""

    def __init__(
        self, disk: SwarmDisk, membership: Membership, engine: ContainerEngine, network: NodeNetwork, clock: Clock,
        describe: Describe, events: RoleEvents, pull: Callable[[str], Awaitable[object]],
        attachments: Attachments, *, can_manage: bool = False,
    ) -> None:
        self._attachments = attachments
        self._disk, self._membership = disk, membership
        self._network, self._clock, self._events = network, clock, events
        self._describe, self._can_manage = describe, can_manage
        self._rng = random.Random()
        self._context = client_context(disk.certificates)
        self._renew_now = asyncio.Event()
        self._storage = WorkerStorage(disk.worker)
        self._managers = Managers(membership.managers, self._rng)
        self._sync = NetworkSync(network, clock)
        reporter = Reporter(clock)
        self._worker = Worker(engine, self._sync, self._storage, reporter, clock, lambda: membership.addr, pull,
                              lambda: describe("", ""), attachments)
        self._agent = Agent(AgentParts(
            connect=self._connect, hello=self._hello, managers=self._managers, worker=self._worker,
            reporter=reporter, engine=engine, clock=clock, rng=self._rng, events=self,
            attached=attachments.answered,
        ))
        self._running: asyncio.Task[None] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._first_welcome = asyncio.Event()

    @property
    def networks(self) -> list[NetworkAssignment]:
        return self._sync.networks

    @property
    def managers(self) -> list[tuple[str, str]]:
        return self._managers.known

    @property
    def ready(self) -> bool:
        """True once a manager has accepted this node."""
        return self._first_welcome.is_set()

    def start(self) -> None:
        self._worker.restore()
        self._attachments.link = self
        self._syncing = asyncio.create_task(self._sync.run())
        self._running = asyncio.create_task(self._run())

    def ask(self, request: AttachRequest) -> None:
        """See attachments.Link."""
        self._agent.ask(request)

    async def until_carried(self, network_ids: Collection[str]) -> None:
        """See attachments.Link."""
        await self._sync.ready(network_ids)

    async def until_ready(self, seconds: float) -> None:
        """Raises TimeoutError."""
        await within(self._clock, seconds, self._first_welcome.wait())

    async def stop(self) -> None:
        self._attachments.link = None
        await cancel(*(task for task in (self._running, self._syncing) if task))
        await self._worker.stop()
        self._storage.close()

    async def leave(self) -> None:
        """Say goodbye, remove every task and network."""
        self._agent.goodbye()
        await cancel(*(task for task in (self._running,) if task))
        await self._clear()
        await self.stop()

    def welcomed(self, welcome: Welcome) -> None:
        self._first_welcome.set()
        self._events.managers_changed(self._managers.known)

    def disconnected(self, reason: str) -> None:
        log.info("no session: %s", reason)

    def root_changed(self, root: str) -> None:
        """Trust this root, and no longer the one before."""
        if root != self._disk.certificates.root.read_text():
            log.info("the swarm has a new root certificate")
            self._disk.certificates.save_root(root)
            self._certificates_changed()

    def managers_named(self, managers: list[tuple[str, str]]) -> None:
        """Remember them: the one that this node talks to may be gone tomorrow."""
        if self._managers.learn(managers):
            self._events.managers_changed(managers)

    def renewal_asked(self) -> None:
        self._renew_now.set()

    async def _run(self) -> None:
        try:
            await until_first_ends(
                self._agent.run(),
                renewal_loop(self._clock, self._rng, self._validity, self._renew, self._renew_now),
            )
        except Removed as error:
            log.warning("removed from the swarm: %s", error)
            await self._clear()
            self._events.failed('this node was removed from the swarm: "docker swarm leave", then it may join again')
        except Exception as error:
            # Nobody waits for this task: what ends an agent must be seen in `docker info`.
            log.exception("agent")
            self._events.failed(f"the agent stopped: {error}")

    async def _clear(self) -> None:
        await self._worker.leave()
        await cancel(*(task for task in (self._syncing,) if task))
        await self._network.reset()

    def _hello(self) -> Hello:
        files = self._disk.certificates
        described = self._describe(files.root.read_text(), files.chain())
        return Hello(description=described, address=self._membership.addr, can_manage=self._can_manage)

    async def _connect(self, addr: str) -> Channel:
        return await open_session(addr, SESSION_PATH, self._context, MANAGER_NAME)

    def _validity(self) -> tuple[datetime, datetime]:
        return validity_of(self._disk.certificates.chain())

    async def _renew(self) -> None:
        key, csr = create_key_and_request()
        answer = await call(self._managers.pick(), RENEW_PATH, RenewRequest(csr=csr), CertificateAnswer,
                            self._context, MANAGER_NAME)
        if not signed_by(answer.certificate, self._disk.certificates.root.read_text()):
            raise Unavailable("the new certificate is not signed by a root that this node trusts")
        self._disk.certificates.save_pair(cert=answer.certificate, key=key)
        self._certificates_changed()

    def _certificates_changed(self) -> None:
        self._context = client_context(self._disk.certificates)
        self._events.certificates_changed()
        self._agent.describe()
