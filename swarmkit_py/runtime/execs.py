"""Owns `docker exec`: further processes in a running container, each under a conmon of its own.

Knows running containers by id, directories and the shim; no policy. Counterpart: moby/daemon/exec.go.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from swarmkit_py import errors
from swarmkit_py.ids import Ids
from swarmkit_py.runtime import attach, process
from swarmkit_py.runtime.attach import ConmonAttached
from swarmkit_py.runtime.base import Exec, ExecConfig
from swarmkit_py.runtime.bundle import IdMap, ProcessSpec, process_json
from swarmkit_py.runtime.conmon import ExecLaunch, Shim, ShimPlace
from swarmkit_py.runtime.storage import disk_errors

Finished = Callable[[Exec], None]


class Execs:
    """All execs of one engine; those that ended are kept until their container goes."""

    def __init__(self, shim: Shim, exec_root: Path, ids: Ids, id_map: IdMap, finished: Finished) -> None:
        self._shim, self._ids, self._id_map, self._finished = shim, ids, id_map, finished
        self._root = exec_root / "execs"
        self._execs: dict[str, Exec] = {}
        self._specs: dict[str, ProcessSpec] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def create(self, container_id: str, config: ExecConfig, spec: ProcessSpec) -> Exec:
        made = Exec(id=self._ids.container_id(), container_id=container_id, config=config)
        self._execs[made.id], self._specs[made.id] = made, spec
        return made

    def get(self, exec_id: str) -> Exec:
        """By full id. Raises errors.NotFound."""
        try:
            return self._execs[exec_id]
        except KeyError:
            raise errors.NotFound(f"No such exec instance: {exec_id}") from None

    async def start(self, exec_id: str) -> ConmonAttached:
        """Run it. Raises errors.Conflict (a second time), errors.InvalidArgument (no such program)."""
        made = self.get(exec_id)
        if made.running or made.exit_code is not None:
            raise errors.Conflict(f"Error: Exec command {exec_id} has already run")
        self._execs[exec_id] = msgspec.structs.replace(made, running=True)
        place = self._prepare(exec_id)
        attached = ConmonAttached()
        try:
            launch = await self._shim.exec(
                made.container_id, exec_id, place, place.bundle / "process.json", self._stdio(made.config))
            await self._go(exec_id, launch, attached)
        except errors.SwarmError as error:
            self._end(exec_id, 127 if "executable file not found" in error.message else 126)
            await attached.close()
            raise
        return attached

    async def _go(self, exec_id: str, launch: ExecLaunch, attached: ConmonAttached) -> None:
        try:
            await attached.bind(launch.place.attach_socket)
            started = await launch.go()
        finally:
            launch.close()
        self._execs[exec_id] = msgspec.structs.replace(self._execs[exec_id], pid=started.pid)
        task = asyncio.get_running_loop().create_task(self._watch(exec_id, launch.place, started.conmon_pid))
        attached.ended = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, exec_id: str, place: ShimPlace, conmon_pid: int) -> None:
        await process.ended(conmon_pid)
        codes = [int(file.read_text() or 137) for file in place.exits.iterdir()]
        self._end(exec_id, codes[0] if codes else 137)

    def _end(self, exec_id: str, code: int) -> None:
        made = self._execs.get(exec_id)
        if made is not None:
            self._execs[exec_id] = msgspec.structs.replace(made, running=False, exit_code=code)
            self._finished(self._execs[exec_id])
        shutil.rmtree(self._root / exec_id[:16], ignore_errors=True)

    def _prepare(self, exec_id: str) -> ShimPlace:
        place = ShimPlace(bundle=self._root / exec_id[:16], exits=self._root / exec_id[:16] / "exits")
        with disk_errors(self._root):
            place.exits.mkdir(parents=True, exist_ok=True)
            spec = process_json(self._specs[exec_id], self._id_map)
            (place.bundle / "process.json").write_bytes(msgspec.json.encode(spec))
        return place

    def _stdio(self, config: ExecConfig) -> list[str]:
        return [*(["-t"] if config.tty else []), *(["-i"] if config.attach_stdin else [])]

    async def resize(self, exec_id: str, rows: int, columns: int) -> None:
        """Raises errors.Conflict if it has ended."""
        self.get(exec_id)
        attach.resize(self._root / exec_id[:16] / "ctl", rows, columns)

    def forget(self, container_id: str) -> None:
        """The container is removed."""
        for exec_id in [id_ for id_, made in self._execs.items() if made.container_id == container_id]:
            self._execs.pop(exec_id)
            self._specs.pop(exec_id, None)

    def forget_one(self, exec_id: str) -> None:
        """Nobody will ask for this one any more."""
        self._execs.pop(exec_id, None)
        self._specs.pop(exec_id, None)

    def cancel(self) -> None:
        """Stop watching (the daemon ends; the processes go on)."""
        for task in self._tasks:
            task.cancel()
