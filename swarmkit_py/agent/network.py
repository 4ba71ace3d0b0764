"""Owns when the node's networks are configured: promptly, never twice at once, again after a failure.

Must not know how. Counterpart: the part of moby/daemon/cluster/executor that creates a task's networks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from swarmkit_py.clock import Clock
from swarmkit_py.errors import SwarmError, Unavailable
from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.network.base import NodeNetwork
from swarmkit_py.rpc.race import cancel, within

log = logging.getLogger(__name__)

READY_WAIT = 30.0
"""Seconds a task waits for its networks before it is rejected."""
RETRY = 1.0
QUIET = 0.1
"""Seconds for what was on its way to a task when the kernel stopped leading to it. What is not answered by then is
forgotten, so that its next try goes elsewhere; only then does the node agree, and the task may stop."""


class NetworkSync:
    """`want` says what; `run` does it, newest only; `ready` waits until some networks are carried."""

    def __init__(self, network: NodeNetwork, clock: Clock) -> None:
        self._network, self._clock = network, clock
        self._wanted: tuple[
            str, dict[str, NetworkAssignment], dict[str, ServiceEndpoint], dict[str, ServiceRecord]
        ] = ("", {}, {}, {})
        self._news = asyncio.Event()
        self._version, self._done = 0, 0
        """Wishes so far, and the newest one that the kernel agreed with."""
        self._settling: dict[int, asyncio.Task[None]] = {}
        """Wishes that somebody left with, of whom not all is forgotten yet."""
        self._applied: frozenset[str] = frozenset()
        self._progress = asyncio.Event()
        self._error = ""

    @property
    def networks(self) -> list[NetworkAssignment]:
        """What this node was told to carry."""
        return list(self._wanted[1].values())

    def want(
        self, node_address: str, networks: Mapping[str, NetworkAssignment], endpoints: Mapping[str, ServiceEndpoint],
        services: Mapping[str, ServiceRecord] = MappingProxyType({}),
    ) -> None:
        """The whole wish; whatever was wished before is forgotten."""
        self._wanted = node_address, dict(networks), dict(endpoints), dict(services)
        self._version += 1
        self._applied &= frozenset(networks)
        self._news.set()

    async def agreed(self) -> None:
        """Wait until the kernel agrees with what is wished now, or with something newer."""
        version = self._version
        await self._until(lambda: self._done >= version and not any(each <= version for each in self._settling))

    async def ready(self, network_ids: Collection[str]) -> None:
        """Wait until the node carries these. Raises Unavailable, with the last error, after 30 s."""
        wanted = frozenset(network_ids)
        try:
            await within(self._clock, READY_WAIT, self._until(lambda: wanted <= self._applied))
        except TimeoutError:
            missing = ", ".join(sorted(wanted - self._applied))
            reason = self._error or "the manager did not assign it"
            raise Unavailable(f"network {missing} is not ready on this node: {reason}") from None

    async def run(self) -> None:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if not await self._apply():
                    await self._clock.sleep(RETRY)
                    self._news.set()
        finally:
            await cancel(*self._settling.values())

    async def _apply(self) -> bool:
        address, networks, endpoints, services = self._wanted
        version = self._version
        try:
            await self._network.configure(address, networks, endpoints, services)
        except (SwarmError, OSError) as error:
            self._error = str(error)
            log.warning("networks not configured: %s; again in %g s", error, RETRY)
            return False
        except Exception as error:
            # The kernel's door has its own exception types, which this layer must not know.
            self._error = f"{type(error).__name__}: {error}"
            log.exception("networks not configured; again in %g s", RETRY)
            return False
        self._error = ""
        if left := self._network.take_left():
            self._settling[version] = asyncio.create_task(self._settle(version, left))
        self._done = version
        self._applied = frozenset(networks) & frozenset(self._wanted[1])
        self._progress.set()
        return True

    async def _settle(self, version: int, left: Mapping[str, Collection[str]]) -> None:
        try:
            await self._clock.sleep(QUIET)
            await self._network.forget_idle(left)
        finally:
            del self._settling[version]
            self._progress.set()

    async def _until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self._progress.clear()
            await self._progress.wait()
