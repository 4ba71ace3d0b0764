"""Owns the part of a daemon that only a manager runs: store, CA, dispatcher, control loops, port 2377.

Counterpart: swarmkit/node/node.go (runManager).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from msgspec.structs import replace

from swarmkit_py.ca.root import RootCA, create_key_and_request, create_root, given_root, identity_of, issue
from swarmkit_py.ca.server import CAServer
from swarmkit_py.ca.tls import server_context
from swarmkit_py.ca.tokens import new_token
from swarmkit_py.ca.unlock_key import new_unlock_key
from swarmkit_py.clock import Clock
from swarmkit_py.errors import Internal, SwarmError, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control.control import Control
from swarmkit_py.manager.control.seed import ClusterSeed, seed_cluster
from swarmkit_py.manager.defaults import cluster_with_defaults
from swarmkit_py.manager.dispatcher.dispatcher import Dispatcher
from swarmkit_py.manager.manager import Manager
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, JoinTokens, NodeDescription
from swarmkit_py.model.specs import CAConfig
from swarmkit_py.model.states import Role
from swarmkit_py.node.addresses import split_port
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.requests import ClusterWish
from swarmkit_py.rpc.auth import ANYONE, MEMBERS, authorize
from swarmkit_py.rpc.race import cancel
from swarmkit_py.rpc.server import RpcServer
from swarmkit_py.rpc.wire import ISSUE_PATH, RENEW_PATH, ROOT_PATH, SESSION_PATH, Empty, IssueRequest, RenewRequest
from swarmkit_py.seal import new_key
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.memory import Store

log = logging.getLogger(__name__)

RESTARTS, RESTART_WINDOW, RESTART_PAUSE = 5, 300.0, 1.0
"""Loops that ended so often in so many seconds are not started again."""


def create_cluster(
    disk: SwarmDisk, clock: Clock, ids: Ids, wanted: ClusterWish, membership: Membership,
    describe: Callable[[str], NodeDescription],
) -> None:
    """Root, tokens, this node's certificate, and the first transaction. `describe` is given the root certificate.
    Raises InvalidArgument for address pools."""
    spec = cluster_with_defaults(wanted.spec)
    root = _root(spec.ca_config, clock)
    key, csr = create_key_and_request()
    identity = Identity(node_id=membership.node_id, cluster_id=membership.cluster_id, role=Role.MANAGER)
    validity = timedelta(microseconds=(spec.ca_config.node_cert_expiry or 0) / 1000)
    cert = issue(root, csr, identity, clock.now(), validity)
    unlock_key = new_unlock_key() if spec.encryption_config.auto_lock_managers else ""
    seed = ClusterSeed(
        cluster_id=membership.cluster_id, node_id=membership.node_id, ingress_id=ids.object_id(),
        root_ca=root.cert_pem, root_key=root.key_pem,
        join_tokens=JoinTokens(worker=new_token(root.cert_pem), manager=new_token(root.cert_pem)),
        node_address=membership.addr, manager_address=membership.advertise_addr,
        description=describe(root.cert_pem), availability=wanted.availability,
        spec=replace(spec, ca_config=replace(spec.ca_config, signing_ca_key=None)), unlock_key=unlock_key,
        default_addr_pool=wanted.default_addr_pool, subnet_size=wanted.subnet_size,
        data_path_port=wanted.data_path_port,
    )
    disk.prepare()
    data_key = new_key()
    disk.certificates.unlock_key = unlock_key
    disk.certificates.save(root=root.cert_pem, cert=cert, key=key, data_key=data_key)
    store = Store(clock, SqliteJournal(disk.journal, data_key))
    try:
        seed_cluster(store, seed)
    finally:
        store.close()


def _root(config: CAConfig, clock: Clock) -> RootCA:
    """The root that was brought along, or a new one."""
    if config.signing_ca_cert:
        return given_root(config.signing_ca_cert, config.signing_ca_key or "", clock.now())
    return create_root(clock.now())


def _data_key(disk: SwarmDisk) -> bytes:
    """The journal's key. A manager of an earlier version has none yet: its journal is in clear until it is opened."""
    found = disk.certificates.read().data_key
    if found is None:
        found = new_key()
        disk.certificates.save_data_key(found)
    return found


class ManagerRole:
    """`start` raises what keeps this node from being the manager it was (a damaged journal, a taken port)."""

    def __init__(self, disk: SwarmDisk, membership: Membership, clock: Clock, ids: Ids,
                 on_end: Callable[[str], None]) -> None:
        self._membership, self._disk, self._on_end = membership, disk, on_end
        self._journal = SqliteJournal(disk.journal, _data_key(disk), must_exist=True)
        self._store = Store(clock, self._journal)
        self._dispatcher = Dispatcher(self._store, clock, ids)
        self._ca = CAServer(self._store, clock, ids)
        self._rpc = RpcServer(server_context(disk.certificates), identity_of, self._check)
        self._clock, self._ids = clock, ids
        self.control = Control(self._store, clock, ids, self._dispatcher.broker, new_token=self._new_token,
                               cluster_changed=self._follow_settings)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._follow_settings(self._cluster())
        self._rpc.add(ROOT_PATH, ANYONE, Empty, self._ca.root)
        self._rpc.add(ISSUE_PATH, ANYONE, IssueRequest, self._ca.issue)
        self._rpc.add(RENEW_PATH, MEMBERS, RenewRequest, self._ca.renew)
        self._rpc.add_session(SESSION_PATH, MEMBERS, self._dispatcher.serve)
        host, port = split_port(self._membership.listen_addr, 0)
        self._running = asyncio.create_task(self._run())
        try:
            await self._rpc.start(host, port)
        except OSError as error:
            await self.stop()
            raise Unavailable(f"cannot listen on {self._membership.listen_addr}: {error.strerror or error}; "
                              "is another swarm manager running on this host?") from None

    async def stop(self) -> None:
        await cancel(*(task for task in (self._running,) if task))
        await self._rpc.stop()
        self._store.close()

    def certificates_changed(self) -> None:
        """This node has a new certificate, or trusts another root."""
        self._rpc.use(server_context(self._disk.certificates))

    def _follow_settings(self, cluster: Cluster) -> None:
        """What the cluster's settings mean on this manager's disk. Raises Unavailable if it cannot be written."""
        raft = cluster.spec.raft
        self._journal.snapshots.interval = raft.snapshot_interval or 0
        self._journal.snapshots.keep = raft.keep_old_snapshots or 0
        try:
            self._disk.certificates.lock_with(cluster.unlock_key)
        except OSError as error:
            raise Unavailable(f"the setting is stored, but this manager's keys could not be written ({error}); free "
                              "space on its disk and start its daemon again") from None

    async def _run(self) -> None:
        """The loops, again and again: all they know is in the store. What keeps ending them is shown."""
        ends: deque[float] = deque(maxlen=RESTARTS)
        while True:
            reason = await self._run_once()
            ends.append(self._clock.monotonic())
            if len(ends) == RESTARTS and ends[-1] - ends[0] < RESTART_WINDOW:
                return self._on_end(f"the manager stopped: {reason}")
            log.error("the manager's loops ended and are started again: %s", reason)
            await self._clock.sleep(RESTART_PAUSE)

    async def _run_once(self) -> str:
        """Until something ends the loops; what it was."""
        manager = Manager(self._store, self._clock, self._ids, others={"dispatcher": self._dispatcher.run})
        try:
            await manager.run()
        except SwarmError as error:
            return error.message
        except Exception as error:
            # The manager's loops are all there is between a swarm and silence: whatever ends them must be shown.
            log.exception("manager")
            return f"internal error: {error}"
        return "without a reason"

    def _check(self, caller: Identity | None, roles: frozenset[Role]) -> None:
        cluster = self._cluster()
        authorize(caller, roles, cluster.id, cluster.removed_nodes)

    def _new_token(self, role: Role) -> str:
        return new_token(self._cluster().root_ca)

    def _cluster(self) -> Cluster:
        clusters = self._store.all(Cluster)
        if not clusters:
            raise Internal("the manager's journal holds no cluster")
        return clusters[0]
