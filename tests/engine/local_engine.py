"""Owns a container engine for tests of the API: containers are plain processes of this machine, without isolation.

Real pipes, terminals and exit codes, so that attach, exec and logs are exercised for real; no root, no image."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import signal
import struct
import termios
from collections.abc import AsyncIterator
from typing import Any

from msgspec.structs import replace

from swarmkit_py.clock import Clock
from swarmkit_py.errors import Conflict, InvalidArgument, NotFound
from swarmkit_py.ids import Ids
from swarmkit_py.runtime.base import (
    Container,
    ContainerConfig,
    ContainerEvent,
    Exec,
    ExecConfig,
    ImageStore,
    LogLine,
    LogOptions,
    Sandbox,
    SandboxSpec,
)
from swarmkit_py.runtime.base_extras import ContainerExtras


class Process:
    """One process with its stdio, and everybody who listens to its output."""

    def __init__(self, tty: bool) -> None:
        self.tty = tty
        self.queues: list[asyncio.Queue[tuple[str, bytes] | None]] = []
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.process: asyncio.subprocess.Process | None = None
        self.size = (0, 0)
        self._master = -1
        self._up = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._ending: asyncio.Task[None] | None = None  # nothing else holds it: it would be collected

    async def start(self, args: list[str], env: list[str], stdin: bool, on_output: Any) -> None:
        environment = {**os.environ, **dict(item.split("=", 1) for item in env)}
        if self.tty:
            await self._start_tty(args, environment, on_output)
            self._up.set()
            return
        self.process = await asyncio.create_subprocess_exec(
            *args, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL)
        readers = [self._read(self.process.stdout, "stdout", on_output),
                   self._read(self.process.stderr, "stderr", on_output)]
        self._ending = asyncio.ensure_future(self._finish(asyncio.gather(*readers)))
        self._up.set()

    async def _start_tty(self, args: list[str], environment: dict[str, str], on_output: Any) -> None:
        self._master, slave = pty.openpty()
        self.process = await asyncio.create_subprocess_exec(
            *args, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)
        self._reader = reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        terminal = os.fdopen(os.dup(self._master), "rb")
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), terminal)
        reading = asyncio.ensure_future(self._read(reader, "stdout", on_output))
        self._ending = asyncio.ensure_future(self._finish(reading))

    async def _read(self, reader: Any, stream: str, on_output: Any) -> None:
        try:
            while data := await reader.read(65536):
                on_output(stream, data)
                for queue in self.queues:
                    queue.put_nowait((stream, data))
        except OSError:
            pass  # a terminal answers EIO when its last user has gone

    async def _finish(self, readers: Any) -> None:
        await readers
        assert self.process is not None
        code = await self.process.wait()
        for queue in self.queues:
            queue.put_nowait(None)
        self.ended.set_result(code if code >= 0 else 128 - code)

    async def write(self, data: bytes) -> None:
        await self._up.wait()
        if self.tty:
            os.write(self._master, data)
        elif self.process is not None and self.process.stdin is not None:
            self.process.stdin.write(data)
            await self.process.stdin.drain()

    async def close_stdin(self) -> None:
        await self._up.wait()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()

    def resize(self, rows: int, columns: int) -> None:
        self.size = (rows, columns)
        if self._master >= 0:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self, number: int) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


class Attachment:
    """swarmkit_py.runtime.base.Attached for a Process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._queue: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        self.closed = False
        process.queues.append(self._queue)

    async def output(self) -> AsyncIterator[tuple[str, bytes]]:
        while (item := await self._queue.get()) is not None:
            yield item

    async def write(self, data: bytes) -> None:
        await self._process.write(data)

    async def close_stdin(self) -> None:
        await self._process.close_stdin()

    async def close(self) -> None:
        self.closed = True
        if self._queue in self._process.queues:
            self._process.queues.remove(self._queue)


class LocalEngine:
    """swarmkit_py.runtime.base.ContainerEngine over plain processes."""

    def __init__(self, clock: Clock, ids: Ids, images: ImageStore) -> None:
        self._clock, self._ids, self._images = clock, ids, images
        self._containers: dict[str, Container] = {}
        self._processes: dict[str, Process] = {}
        self._lines: dict[str, list[LogLine]] = {}
        self._removed: dict[str, asyncio.Future[int]] = {}
        self._execs: dict[str, tuple[Exec, Process]] = {}
        self._listeners: list[asyncio.Queue[ContainerEvent]] = []
        self._reapers: list[asyncio.Task[None]] = []
        self.attachments: list[Attachment] = []
        self.asked: list[tuple[str, Any]] = []
        self.extras: ContainerExtras | None = None

    async def create(self, config: ContainerConfig) -> Container:
        image = self._images.resolve(config.image)
        name = config.name or f"quiet_{len(self._containers)}"
        if any(container.name == name for container in self._containers.values()):
            raise Conflict(f'Conflict. The container name "/{name}" is already in use')
        defaults = image.config
        words = [*(config.command if config.command is not None else defaults.get("Entrypoint") or []),
                 *(config.args if config.args is not None else defaults.get("Cmd") or [])]
        container = Container(
            id=self._ids.container_id(), name=name, config=config, image_id=image.id, path=words[0],
            args=words[1:], created=self._clock.now())
        self._containers[container.id] = container
        self._processes[container.id] = Process(config.tty)
        self._lines[container.id] = []
        self._removed[container.id] = asyncio.get_running_loop().create_future()
        self._say("create", container)
        return container

    async def start(self, ref: str) -> Container:
        container = self.get(ref)
        if container.status == "exited":
            self._processes[container.id] = Process(container.config.tty)
        spec = container.config.sandbox or SandboxSpec(id="")
        sandbox = Sandbox(id=container.id, bridge_address="172.17.0.2/16", bridge_gateway="172.17.0.1",
                          ports=[replace(p, published_port=p.published_port or 32768) for p in spec.ports],
                          overlays=spec.overlays)
        process = self._processes[container.id]
        await process.start([container.path, *container.args], container.config.env, container.config.open_stdin,
                            lambda stream, data: self._keep(container.id, stream, data))
        assert process.process is not None
        started = replace(container, status="running", pid=process.process.pid, started_at=self._clock.now(),
                          sandbox=sandbox)
        self._containers[container.id] = started
        self._say("start", started)
        self._reapers.append(asyncio.ensure_future(self._reap(container.id, process)))
        return started

    async def _reap(self, container_id: str, process: Process) -> None:
        code = await asyncio.shield(process.ended)
        ended = replace(self._containers[container_id], status="exited", exit_code=code, pid=0,
                        finished_at=self._clock.now())
        self._containers[container_id] = ended
        self._say("die", ended, exitCode=str(code))
        if ended.config.auto_remove:
            await self.remove(container_id)

    def _keep(self, container_id: str, stream: str, data: bytes) -> None:
        for line in data.splitlines(keepends=True):
            self._lines[container_id].append(LogLine(time=self._clock.now(), stream=stream, data=line))

    async def stop(self, ref: str, grace: float | None = None) -> None:
        container = self.get(ref)
        self.asked.append(("stop", grace))
        self._processes[container.id].kill(signal.SIGTERM)
        await asyncio.shield(self._processes[container.id].ended)
        await asyncio.sleep(0)

    async def kill(self, ref: str, signal: str = "KILL") -> None:
        container = self.get(ref)
        if not container.running:
            raise Conflict(f"Cannot kill container: {ref}: Container {container.id} is not running")
        self.asked.append(("kill", signal))
        import signal as signals

        try:
            number = int(signal) if signal.isdigit() else signals.Signals[f"SIG{signal}"].value
        except KeyError:
            raise InvalidArgument(f"Invalid signal: {signal}") from None
        self._processes[container.id].kill(number)

    async def wait(self, ref: str, condition: str = "not-running") -> int:
        container = self.get(ref)
        if condition == "removed":
            return await asyncio.shield(self._removed[container.id])
        if condition == "not-running" and not container.running:
            return container.exit_code
        code = await asyncio.shield(self._processes[container.id].ended)
        await asyncio.sleep(0)  # those who keep the books go first
        return code

    async def remove(self, ref: str, force: bool = False, *, volumes: bool = False) -> None:
        container = self.get(ref)
        if container.running:
            if not force:
                raise Conflict(f"You cannot remove a running container {container.id}. Stop the container before "
                               "attempting removal or force remove")
            self._processes[container.id].kill(signal.SIGKILL)
            await asyncio.shield(self._processes[container.id].ended)
        self._containers.pop(container.id, None)
        self._say("destroy", container)
        if not self._removed[container.id].done():
            self._removed[container.id].set_result(container.exit_code)

    async def rename(self, ref: str, name: str) -> None:
        container = self.get(ref)
        self._containers[container.id] = replace(container, name=name)

    def get(self, ref: str) -> Container:
        ref = ref.removeprefix("/")
        found = [c for c in self._containers.values() if ref in (c.id, c.name)] \
            or [c for c in self._containers.values() if c.id.startswith(ref)]
        if len(found) != 1:
            raise NotFound(f"No such container: {ref}")
        return found[0]

    def all(self) -> list[Container]:
        return list(reversed(self._containers.values()))

    async def logs(self, ref: str, options: LogOptions) -> AsyncIterator[LogLine]:
        container = self.get(ref)
        sent = 0
        lines = self._lines[container.id]
        if options.tail >= 0:
            sent = max(0, len(lines) - options.tail)
        while True:
            while sent < len(lines):
                line, sent = lines[sent], sent + 1
                if (line.stream == "stdout" and options.stdout) or (line.stream == "stderr" and options.stderr):
                    yield line
            if not options.follow or self._processes[container.id].ended.done():
                return
            await asyncio.sleep(0.01)

    async def attach(self, ref: str) -> Attachment:
        self.attachments.append(Attachment(self._processes[self.get(ref).id]))
        return self.attachments[-1]

    async def resize(self, ref: str, rows: int, columns: int) -> None:
        self._processes[self.get(ref).id].resize(rows, columns)

    async def top(self, ref: str) -> list[tuple[int, str]]:
        container = self.get(ref)
        if not container.running:
            raise Conflict(f"Container {container.id} is not running")
        return [(container.pid, " ".join([container.path, *container.args]))]

    def exec_create(self, ref: str, config: ExecConfig) -> Exec:
        execution = Exec(id=self._ids.container_id(), container_id=self.get(ref).id, config=config)
        self._execs[execution.id] = (execution, Process(config.tty))
        return execution

    async def exec_start(self, exec_id: str) -> Attachment:
        execution, process = self._execs[self.exec_get(exec_id).id]
        attached = Attachment(process)
        self.attachments.append(attached)
        await process.start(execution.config.args, execution.config.env, execution.config.attach_stdin,
                            lambda stream, data: None)
        self._execs[exec_id] = (replace(execution, running=True), process)
        return attached

    async def exec_resize(self, exec_id: str, rows: int, columns: int) -> None:
        self._execs[self.exec_get(exec_id).id][1].resize(rows, columns)

    def exec_get(self, exec_id: str) -> Exec:
        if exec_id not in self._execs:
            raise NotFound(f"No such exec instance: {exec_id}")
        execution, process = self._execs[exec_id]
        if process.ended.done():
            return replace(execution, running=False, exit_code=process.ended.result())
        return execution

    async def subscribe(self) -> AsyncIterator[ContainerEvent]:
        queue: asyncio.Queue[ContainerEvent] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.remove(queue)

    def _say(self, action: str, container: Container, **attributes: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(ContainerEvent(
                time=self._clock.now(), action=action, container=container, attributes=attributes))

    async def close(self) -> None:
        """End every process that is left."""
        for process in [*self._processes.values(), *(process for _, process in self._execs.values())]:
            process.kill(signal.SIGKILL)
            if process.process is not None:
                await asyncio.shield(process.ended)
