"""Owns how a node becomes what its new certificate says: a manager, or a worker again.

The role was decided by the leader (`manager.roles`); here it is carried out, and tried again until it is, or until
the certificate says otherwise. Counterpart: swarmkit/node/node.go (superviseManager).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from msgspec.structs import replace

from swarmkit_py.ca.root import identity_of_pem
from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError
from swarmkit_py.model.states import Role
from swarmkit_py.node.admission import Admission
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.options import NodeOptions
from swarmkit_py.rpc.race import cancel

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class Host(Protocol):
    """What the node does for it."""

    options: NodeOptions

    @property
    def membership(self) -> Membership | None: ...

    @property
    def known_managers(self) -> list[tuple[str, str]]: ...

    def remember(self, member: Membership) -> None: ...

    async def start_manager(self, member: Membership) -> None: ...

    async def end_manager(self) -> None: ...


class RoleChange:
    """`look` after each new certificate; `stop` in the end."""

    def __init__(self, host: Host, disk: SwarmDisk, clock: Clock) -> None:
        self._host, self._disk, self._clock = host, disk, clock
        self._changing: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Begin to be what this node's certificate says, if it is not."""
        busy = self._changing is not None and not self._changing.done()
        member = self._host.membership
        if member is not None and not busy and self._certified() is not member.role:
            self._changing = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """What is not finished goes on with the next start."""
        changing, self._changing = self._changing, None
        await cancel(*(task for task in (changing,) if task))

    def _certified(self) -> Role:
        return identity_of_pem(self._disk.certificates.chain()).role

    async def _follow(self) -> None:
        while (member := self._host.membership) is not None and (role := self._certified()) is not member.role:
            try:
                if role is Role.MANAGER:
                    await self._promote(member)
                else:
                    await self._demote(member)
            except (SwarmError, OSError) as error:
                log.warning("not a %s yet: %s", role.value, error)
                await self._clock.sleep(RETRY_SECONDS)

    async def _promote(self, member: Membership) -> None:
        log.warning("this node is to be a manager")
        port = self._host.options.listen_port
        member = replace(member, listen_addr=member.listen_addr or f"0.0.0.0:{port}",
                         advertise_addr=member.advertise_addr or f"{member.addr}:{port}")
        managers = self._host.known_managers
        admission = Admission(self._disk, member, self._host.options.raft_port, self._clock)
        answer = await admission.ask(self._disk.certificates, [address for _, address in managers])
        member = replace(admission.write(answer), managers=managers)
        try:
            await self._host.start_manager(member)
        except BaseException:
            await self._host.end_manager()
            raise
        self._host.remember(member)

    async def _demote(self, member: Membership) -> None:
        log.warning("this node is a worker now")
        await self._host.end_manager()
        self._host.remember(replace(member, role=Role.WORKER, shared=False))
        self._disk.forget_manager()
