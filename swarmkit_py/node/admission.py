"""Owns how a node that has a manager's certificate becomes a manager: it asks to be let in, and writes down what it
is told. Its member then learns the store from the others.

Counterpart: swarmkit/node/node.go (superviseManager), manager/state/raft/raft.go (JoinAndStart).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from swarmkit_py.ca.root import MANAGER_NAME, create_key_and_request
from swarmkit_py.ca.tls import CertificateFiles, client_context
from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError, Unavailable
from swarmkit_py.model.states import Role
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.join import Credentials
from swarmkit_py.node.raft_member import MemberIdentity, save_identity
from swarmkit_py.rpc.client import call
from swarmkit_py.rpc.wire import MANAGER_JOIN_PATH, ManagerJoinAnswer, ManagerJoinRequest

PATIENCE = 30.0
"""Seconds of trying: the leader's member has to start, or another manager is being added."""
PAUSE = 0.5
_CALL_SECONDS = 30.0


@dataclass(frozen=True)
class Admitted:
    """What the leader said, and what this node's member is."""

    told: ManagerJoinAnswer
    identity: MemberIdentity


class Admission:
    """One node's way in. `member` has its addresses as a manager; its etcd member listens on `raft_port`."""

    def __init__(self, disk: SwarmDisk, member: Membership, raft_port: int, clock: Clock) -> None:
        self._disk, self._member, self._clock = disk, member, clock
        self._peer_address = f"{member.addr}:{raft_port}"

    async def with_credentials(self, folder: Path, mine: Credentials, addresses: Sequence[str]) -> Membership:
        """For a node that is just joining: its keys go to disk only with the lock that the swarm has on them; until
        then they are in `folder`, in memory. Raises as `ask`."""
        files = CertificateFiles(folder)
        try:
            files.save(root=mine.root, cert=mine.cert, key=mine.key)
            answer = await self.ask(files, addresses)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self._disk.prepare()
        self._disk.certificates.unlock_key = answer.told.unlock_key
        self._disk.certificates.save(root=mine.root, cert=mine.cert, key=mine.key)
        return self.write(answer)

    async def ask(self, files: CertificateFiles, addresses: Sequence[str]) -> Admitted:
        """Ask the managers at these addresses in turn. Raises what the leader answered last."""
        key, csr = create_key_and_request()
        request = ManagerJoinRequest(address=self._member.advertise_addr, peer_address=self._peer_address, csr=csr)
        answer = await self._ask(files, addresses, request)
        identity = MemberIdentity(authority=answer.authority, cert=answer.certificate, key=key,
                                  peer_address=self._peer_address, cluster=answer.cluster)
        return Admitted(answer, identity)

    def write(self, admitted: Admitted) -> Membership:
        """Keep what was told, beside this node's keys; the membership to go on with."""
        told = admitted.told
        self._disk.prepare()
        shutil.rmtree(self._disk.etcd, ignore_errors=True)
        self._disk.certificates.lock_with(told.unlock_key)
        self._disk.certificates.save_data_key(told.data_key)
        save_identity(self._disk, told.data_key, admitted.identity)
        return replace(self._member, role=Role.MANAGER, shared=True)

    async def _ask(
        self, files: CertificateFiles, addresses: Sequence[str], request: ManagerJoinRequest,
    ) -> ManagerJoinAnswer:
        context, deadline = client_context(files), self._clock.monotonic() + PATIENCE
        while True:
            last: SwarmError = Unavailable("no manager is known")
            for address in addresses:
                try:
                    return await call(address, MANAGER_JOIN_PATH, request, ManagerJoinAnswer, context, MANAGER_NAME,
                                      _CALL_SECONDS)
                except Unavailable as error:
                    last = error
            if self._clock.monotonic() > deadline:
                raise last
            await self._clock.sleep(PAUSE)
