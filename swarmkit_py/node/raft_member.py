"""Owns this manager's etcd member as the node sees it: its identity on disk, its process, and the shared store behind
it. Must not know who leads, or what for.

Counterpart: swarmkit/manager/state/raft (NewNode, JoinAndStart).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from swarmkit_py.ca.peers import create_authority, issue_peer
from swarmkit_py.ca.root import RootCA, create_key_and_request
from swarmkit_py.clock import Clock
from swarmkit_py.errors import Internal, Unavailable
from swarmkit_py.etcd.base import LEADER, Etcd
from swarmkit_py.etcd.gateway import Gateway
from swarmkit_py.etcd.member import MemberProcess, PeerFiles, Place
from swarmkit_py.etcd.seat import Holder
from swarmkit_py.etcd.shared import SharedStore
from swarmkit_py.model.base import Model
from swarmkit_py.model.identity import Identity
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.options import NodeOptions
from swarmkit_py.rpc.race import cancel, until_first_ends, within
from swarmkit_py.seal import BrokenSeal, Seal
from swarmkit_py.store.memory import Store
from swarmkit_py.store.rows import Rows

log = logging.getLogger(__name__)

START_SECONDS = 20.0
"""So long a member may take until it answers."""
RESTART_FIRST, RESTART_MAX = 0.1, 5.0
_LABEL = "member"


class MemberIdentity(Model, frozen=True, kw_only=True):
    """What a member is started with: PEM of the members' authority, of its own certificate and key; where it listens
    for the others; and (node id, peer URL) of all members when it joined."""

    authority: str
    cert: str
    key: str
    peer_address: str
    cluster: list[tuple[str, str]]


class Process(Protocol):
    """`etcd.member.MemberProcess`."""

    def start(self, files: PeerFiles, cluster: list[tuple[str, str]], *, new: bool, alone: bool = False) -> None: ...

    async def ended(self) -> int: ...

    async def stop(self) -> None: ...

    def wipe(self) -> None: ...


class Client(Etcd, Protocol):
    """`etcd.gateway.Gateway`."""

    async def close(self) -> None: ...


Launcher = Callable[[Place, str, str], "tuple[Process, Client]"]
"""A member's process and the way to it, by its place, its node's id and its peers' address."""


def launch(place: Place, name: str, peer_address: str) -> tuple[Process, Client]:
    """A real etcd."""
    process = MemberProcess(place, name, peer_address)
    return process, Gateway(process.socket)


def first_identity(authority: RootCA, me: Identity, peer_address: str, clock: Clock) -> MemberIdentity:
    """Of the member that a swarm of several managers begins with."""
    key, csr = create_key_and_request()
    cert = issue_peer(authority, csr, me, peer_address.rpartition(":")[0], clock.now())
    return MemberIdentity(authority=authority.cert_pem, cert=cert, key=key, peer_address=peer_address,
                          cluster=[(me.node_id, peer_url(peer_address))])


def new_authority(clock: Clock) -> RootCA:
    return create_authority(clock.now())


def peer_url(peer_address: str) -> str:
    return f"https://{peer_address}"


def save_identity(disk: SwarmDisk, data_key: bytes, identity: MemberIdentity) -> None:
    """Sealed with the store's key: a locked manager's member has no key in clear on any disk."""
    disk.save_member(Seal(data_key).close(msgspec.json.encode(identity), _LABEL))


def load_identity(disk: SwarmDisk, data_key: bytes) -> MemberIdentity:
    """Raises Internal."""
    try:
        return msgspec.json.decode(Seal(data_key).open(disk.member.read_bytes(), _LABEL), type=MemberIdentity)
    except (OSError, BrokenSeal, msgspec.MsgspecError) as error:
        raise Internal(f"what this manager's etcd member is cannot be read from {disk.member} ({error}): restore it, "
                       'or leave the swarm with "docker swarm leave --force"') from None


@dataclass(frozen=True)
class Steps:
    """What the node does when this manager begins and ceases to lead, when its member was removed from the others,
    and whether it is to lead at all."""

    lead: Callable[[], Awaitable[None]]
    follow: Callable[[], Awaitable[None]]
    evicted: Callable[[], None]
    may_lead: Callable[[], bool]


class RaftMember:
    """Made for one membership. `found` a cluster or `start` in the one there is; `stop` it in the end."""

    def __init__(
        self, options: NodeOptions, disk: SwarmDisk, membership: Membership, identity: MemberIdentity, store: Store,
        rows: Rows, clock: Clock, steps: Steps, launcher: Launcher = launch,
    ) -> None:
        self.identity = identity
        self._clock, self._steps = clock, steps
        place = Place(options.etcd, disk.etcd, options.exec_root / "etcd")
        self._process, self.etcd = launcher(place, membership.node_id, identity.peer_address)
        holder = Holder(node_id=membership.node_id, addr=membership.advertise_addr)
        self.shared = SharedStore(self.etcd, store, rows, clock, holder, steps.lead, steps.follow, steps.may_lead)
        self._running: asyncio.Task[None] | None = None

    async def found(self, store: Store) -> None:
        """A cluster of this member alone, with this store in it; it leads. Raises FailedPrecondition without etcd,
        Unavailable."""
        self._process.wipe()
        self._start_process(new=True)
        try:
            await until_it_answers(self.etcd, self._clock)
            await self.shared.found(store)
        except BaseException:
            await self.stop()
            self._process.wipe()
            raise

    def go_on(self) -> None:
        """After `found`: write there from this moment on."""
        self.shared.begin()
        self._running = asyncio.create_task(self._run())

    def start(self, *, fresh: bool = False) -> None:
        """With what is on disk; `fresh`: with nothing, to be told all by the others. Raises FailedPrecondition
        without etcd."""
        if fresh:
            self._process.wipe()
        self._start_process(new=False)
        self._running = asyncio.create_task(self._run())

    async def begin_alone(self) -> None:
        """Forget the other members, keep what is stored. Raises FailedPrecondition without etcd, Unavailable."""
        self._start_process(new=False, alone=True)
        await until_it_answers(self.etcd, self._clock)
        await self.etcd.txn([], [], [LEADER])  # whoever led is forgotten as well

    async def stop(self) -> None:
        """Give up leading, then end the member."""
        await self.shared.resign()
        await cancel(*(task for task in (self._running,) if task))
        await self.etcd.close()
        await self._process.stop()

    async def _run(self) -> None:
        await until_first_ends(self.shared.run(), self._keep_process())

    def _start_process(self, *, new: bool, alone: bool = False) -> None:
        identity = self.identity
        files = PeerFiles(identity.authority, identity.cert, identity.key)
        self._process.start(files, identity.cluster, new=new, alone=alone)

    async def _keep_process(self) -> None:
        """Start it again when it ends. It ends well by itself only where the others have removed it."""
        pause = RESTART_FIRST
        while True:
            started = self._clock.monotonic()
            code = await self._process.ended()
            if code == 0:
                log.warning("this manager's etcd member was removed by the others")
                return self._steps.evicted()
            log.error("etcd ended with status %s; it is started again in %.1f s", code, pause)
            await self._clock.sleep(pause)
            pause = RESTART_FIRST if self._clock.monotonic() - started > 10 else min(2 * pause, RESTART_MAX)
            self._start_process(new=False)


async def until_it_answers(etcd: Etcd, clock: Clock) -> None:
    """Wait for a member that was just started, until it knows who leads. Raises Unavailable."""
    try:
        await within(clock, START_SECONDS, _answers(etcd, clock))
    except TimeoutError:
        raise Unavailable(f"etcd does not answer within {START_SECONDS:g} s: see swarmd's log") from None


async def _answers(etcd: Etcd, clock: Clock) -> None:
    while True:
        try:
            if (await etcd.status()).leader_id:
                return
        except Unavailable:
            pass
        await clock.sleep(0.05)
