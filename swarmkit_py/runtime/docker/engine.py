"""Owns the ContainerEngine on top of a Docker Engine: its containers, in namespaces that our network wires.

What is there is Docker's to know; here is only a view of it, renewed by its events. Knows networks only as
`SandboxNetwork`. Counterpart: moby/daemon/cluster/executor/container (which drives the same engine from inside).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.clock import Clock
from swarmkit_py.runtime.base import (
    Container,
    ContainerConfig,
    ContainerEvent,
    Exec,
    ExecConfig,
    LogLine,
    LogOptions,
    Sandbox,
    SandboxNetwork,
    SandboxSpec,
)
from swarmkit_py.runtime.base_extras import ContainerExtras
from swarmkit_py.runtime.docker import holder
from swarmkit_py.runtime.docker.client import DockerClient
from swarmkit_py.runtime.docker.convert import (
    CONFIG_LABEL,
    HOLDER_LABEL,
    OWNER_LABEL,
    container_of,
    container_request,
    holder_request,
    mode_of,
)
from swarmkit_py.runtime.docker.events import Events
from swarmkit_py.runtime.docker.logs import read_logs
from swarmkit_py.runtime.docker.streams import DockerAttached, hijack
from swarmkit_py.runtime.registry import EventHub, Registry

log = logging.getLogger(__name__)


class DockerEngine:
    """Make it, and use it, inside a running event loop. `restore` once; `close` leaves the containers running.

    `owner` marks our containers on the engine, which may have others."""

    extras: ContainerExtras | None = None

    def __init__(
        self, client: DockerClient, *, network: SandboxNetwork, clock: Clock, owner: str,
    ) -> None:
        self._client, self._network, self._owner = client, network, owner
        self._registry, self._hub = Registry(), EventHub(clock)
        self._holders: dict[str, str] = {}
        self._execs: dict[str, Exec] = {}
        self._ends: dict[str, list[asyncio.Future[int]]] = {}
        self._removals: dict[str, list[asyncio.Future[int]]] = {}
        self._busy: dict[str, asyncio.Lock] = {}
        self._events = Events(client, {OWNER_LABEL: owner}, self._happened)

    async def restore(self) -> None:
        """Take up the containers that carry our mark, and make the image of the holder if it is not there."""
        try:
            await self._client.call("inspect_image", holder.HOLDER_IMAGE)
        except errors.NotFound:
            repository, _, tag = holder.HOLDER_IMAGE.partition(":")
            await self._client.call("import_image_from_data", holder.image_tar(), repository=repository, tag=tag,
                                    changes=['ENTRYPOINT ["/hold"]'])
        self._events.start()
        marked = {"label": [f"{OWNER_LABEL}={self._owner}", CONFIG_LABEL]}
        for entry in await self._client.call("containers", all=True, filters=marked):
            container = await self._look(entry["Id"])
            if not container.running:
                await self._release(container.id)

    async def close(self) -> None:
        """Stop listening; containers go on without us."""
        await self._events.stop()
        self._client.close()

    async def create(self, config: ContainerConfig) -> Container:
        """See ContainerEngine. An image the engine does not have is pulled, if it can."""
        if config.files:
            raise errors.Unimplemented("secrets and configs are not there yet on the docker runtime: use runc")
        if config.health is not None and (config.health.test or ["NONE"])[0] != "NONE":
            raise errors.Unimplemented("health checks are not there yet on the docker runtime: use runc")
        await self._have_image(config.image)
        held = "" if mode_of(config) == "host" else await self._make(holder_request(config, self._owner, config.name))
        try:
            made = await self._make(container_request(config, self._owner, held), config.name)
        except BaseException:
            await asyncio.shield(self._drop(held))
            raise
        self._holders[made] = held
        container = await self._look(made)
        self._hub.publish("create", container)
        return container

    async def _have_image(self, ref: str) -> None:
        try:
            await self._client.call("inspect_image", ref)
        except errors.NotFound:
            try:
                await self._client.call("pull", ref)
            except errors.SwarmError as error:
                raise errors.NotFound(f"No such image: {ref} (and it cannot be pulled: {error})") from None

    async def _make(self, body: dict[str, Any], name: str = "") -> str:
        made = await self._client.call("create_container_from_config", body, name or None)
        return str(made["Id"])

    async def start(self, ref: str) -> Container:
        """See ContainerEngine."""
        container = self.get(ref)
        async with self._lock(container.id):
            if self.get(container.id).running:
                return self.get(container.id)
            try:
                sandbox = await self._wire(container)
                await self._client.call("start", container.id)
            except BaseException as error:
                await asyncio.shield(self._release(container.id))
                self._registry.update(container.id, error=str(error), exit_code=128)
                raise
            container = await self._look(container.id, sandbox)
        self._hub.publish("start", container)
        return container

    async def _wire(self, container: Container) -> Sandbox:
        """The holder's namespace becomes the sandbox's, before any program of the container runs."""
        wanted = replace(container.config.sandbox or SandboxSpec(id=""), id=container.id)
        if held := self._holders.get(container.id, ""):
            await self._client.call("start", held)
            told = await self._client.call("inspect_container", held)
            wanted = replace(wanted, namespace=told["NetworkSettings"]["SandboxKey"])
        return await self._network.create_sandbox(wanted)

    async def stop(self, ref: str, grace: float | None = None) -> None:
        """See ContainerEngine."""
        container = self.get(ref)
        if not container.running:
            return
        over = self._promise(self._ends, container.id)
        seconds = container.config.stop_grace if grace is None else grace
        # The SDK's own timeout would end a long grace early: the engine is asked without one.
        await self._client.run(lambda: self._client.api.stop(container.id, timeout=max(int(seconds), 0)))
        await over
        self._hub.publish("stop", self._registry.get(container.id))

    async def kill(self, ref: str, signal: str = "KILL") -> None:
        """See ContainerEngine."""
        container = self.get(ref)
        await self._client.call("kill", container.id, signal)
        self._hub.publish("kill", container, signal=signal)

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        """See ContainerEngine."""
        container = self.get(ref)
        if condition in ("", "not-running") and container.status not in ("running", "restarting"):
            return container.exit_code
        return await self._promise(self._removals if condition == "removed" else self._ends, container.id)

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        """See ContainerEngine."""
        container = self.get(ref)
        await self._client.call("remove_container", container.id, v=volumes, force=force)
        await self._forget(container.id)

    async def rename(self, ref: str, name: str) -> None:
        container = self.get(ref)
        await self._client.call("rename", container.id, name)
        self._registry.drop(container.id)
        renamed = await self._look(container.id, container.sandbox)
        self._hub.publish("rename", renamed, oldName=f"/{container.name}")

    def get(self, ref: str) -> Container:
        """See ContainerEngine."""
        return self._registry.get(ref)

    def all(self) -> list[Container]:
        """Newest first."""
        return self._registry.all()

    def subscribe(self) -> AsyncIterator[ContainerEvent]:
        """See ContainerEngine."""
        return self._hub.subscribe()

    def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        """See ContainerEngine."""
        container = self.get(ref)
        return read_logs(self._client, container.id, options, container.config.tty)

    async def attach(self, ref: str) -> DockerAttached:
        """See ContainerEngine."""
        container = self.get(ref)
        path = self._path(f"/containers/{container.id}/attach?stream=1&stdin=1&stdout=1&stderr=1")
        return await hijack(self._client.url, path, {}, container.config.tty)

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        await self._client.call("resize", self.get(ref).id, rows, columns)

    async def top(self, ref: str) -> list[tuple[int, str]]:
        """See ContainerEngine."""
        table = await self._client.call("top", self.get(ref).id)
        pid, command = table["Titles"].index("PID"), table["Titles"].index("CMD")
        return [(int(row[pid]), row[command]) for row in table["Processes"]]

    def exec_create(self, ref: str, config: ExecConfig) -> Exec:
        container = self.get(ref)
        made = self._client.call_now(
            "exec_create", container.id, config.args, stdout=config.attach_stdout, stderr=config.attach_stderr,
            stdin=config.attach_stdin, tty=config.tty, privileged=config.privileged, user=config.user,
            environment=list(config.env) or None, workdir=config.working_dir or None)
        self._execs[made["Id"]] = Exec(id=made["Id"], container_id=container.id, config=config)
        return self._execs[made["Id"]]

    async def exec_start(self, exec_id: str) -> DockerAttached:
        config = self._exec(exec_id).config
        body = {"Detach": False, "Tty": config.tty}
        return await hijack(self._client.url, self._path(f"/exec/{exec_id}/start"), body, config.tty)

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        await self._client.call("exec_resize", exec_id, rows, columns)

    def exec_get(self, exec_id: str) -> Exec:
        """As the engine sees it now."""
        told = self._client.call_now("exec_inspect", exec_id)
        return replace(self._exec(exec_id), running=told["Running"], exit_code=told["ExitCode"], pid=told["Pid"])

    def _exec(self, exec_id: str) -> Exec:
        try:
            return self._execs[exec_id]
        except KeyError:
            raise errors.NotFound(f"No such exec instance: {exec_id}") from None

    def _path(self, path: str) -> str:
        return f"/v{self._client.api.api_version}{path}"

    async def _look(self, container_id: str, sandbox: Sandbox | None = None) -> Container:
        """Ask the engine how a container is, and remember it."""
        told = await self._client.call("inspect_container", container_id)
        self._holders[container_id] = told["Config"]["Labels"].get(HOLDER_LABEL, "")
        running = told["State"]["Running"]
        found = container_of(told, (sandbox or self._network.get_sandbox(container_id)) if running else None)
        return self._registry.put(found)

    def _happened(self, action: str, container_id: str) -> Coroutine[Any, Any, None] | None:
        """What to do about an event of the engine; None for what concerns nobody here."""
        if container_id not in self._holders:
            return None
        if action == "die":
            return self._died(container_id)
        return self._forget(container_id) if action == "destroy" else None

    async def _died(self, container_id: str) -> None:
        async with self._lock(container_id):
            with suppress(errors.NotFound):
                container = await self._look(container_id)
                if container.status in ("running", "restarting"):
                    return  # the engine's own restart policy: it stays in the namespace it has
            await self._release(container_id)
        container = self._registry.get(container_id)
        self._hub.publish("die", container, exitCode=str(container.exit_code))
        _resolve(self._ends.pop(container_id, []), container.exit_code)

    async def _release(self, container_id: str) -> None:
        """Give the network back, and let the holder go until the next start."""
        with suppress(errors.SwarmError):
            await self._network.remove_sandbox(container_id)
        if held := self._holders.get(container_id):
            with suppress(errors.SwarmError):
                await self._client.call("kill", held)

    async def _forget(self, container_id: str) -> None:
        """The container is gone; so is everything that was there for it. Idempotent."""
        await self._release(container_id)
        await self._drop(self._holders.pop(container_id, ""))
        gone = self._registry.drop(container_id)
        if gone is None:
            return
        self._hub.publish("destroy", gone)
        for waiters in (self._ends, self._removals):
            _resolve(waiters.pop(container_id, []), gone.exit_code)

    async def _drop(self, held: str) -> None:
        if held:
            with suppress(errors.SwarmError):
                await self._client.call("remove_container", held, force=True)

    def _lock(self, container_id: str) -> asyncio.Lock:
        return self._busy.setdefault(container_id, asyncio.Lock())

    def _promise(self, waiters: dict[str, list[asyncio.Future[int]]], container_id: str) -> asyncio.Future[int]:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        waiters.setdefault(container_id, []).append(future)
        return future


def _resolve(waiters: list[asyncio.Future[int]], code: int) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(code)
