"""Owns talking to runc and conmon: their command lines, their pipes, and Docker's words for their failures.

conmon is to us what containerd-shim is to Docker: one small process per container that holds its stdio, writes its
log, and leaves the exit code in a file, so that containers outlive the daemon. Knows directories and ids, no
container policy. Counterpart: moby/libcontainerd; conmon's own documentation is its --help and its source.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.runtime import process

_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_RECORD = re.compile(r'time="[^"]*" level=\w+ msg="(?P<text>(?:[^"\\]|\\.)*)"')


def find_program(name: str) -> str:
    """Absolute path of `name`, also where an ordinary user's PATH does not look. Raises errors.Internal."""
    found = shutil.which(name, path=_ENV["PATH"])
    if not found:
        raise errors.Internal(f"{name} is not installed: run `apt-get install {name}`")
    return found


@dataclass(frozen=True)
class ShimPlace:
    """Where the files of one process under conmon lie."""

    bundle: Path
    exits: Path

    @property
    def attach_socket(self) -> Path:
        return self.bundle / "attach"

    @property
    def control(self) -> Path:
        return self.bundle / "ctl"

    @property
    def pid_file(self) -> Path:
        return self.bundle / "pid"

    @property
    def conmon_pid_file(self) -> Path:
        return self.bundle / "conmon.pid"


@dataclass(frozen=True)
class Started:
    """Process ids, in our pid namespace."""

    pid: int
    conmon_pid: int


class Shim:
    """Starts processes under conmon, with runc's state in `exec_root`. `sealed`: runc cannot make cgroups here."""

    def __init__(self, exec_root: Path, *, sealed: bool) -> None:
        self.state = exec_root / "runc"
        self._sealed = sealed
        self.runc = find_program("runc")
        self.conmon = find_program("conmon")

    def arguments(self, container_id: str, process_id: str, place: ShimPlace, options: Sequence[str]) -> list[str]:
        """conmon's command line for one process."""
        return [
            self.conmon, "--api-version", "1", "-c", container_id, "-u", process_id, "-n", container_id[:12],
            "-r", self.runc, "--runtime-arg", f"--root={self.state}", "--runtime-arg", "--rootless=true",
            "-b", str(place.bundle), "-p", str(place.pid_file), "-P", str(place.conmon_pid_file),
            "--exit-dir", str(place.exits), "--full-attach", "--no-sync-log", *options,
        ]

    async def create(
        self, container_id: str, place: ShimPlace, log: list[str], stdio: list[str]
    ) -> Started:
        """`runc create` under a new conmon: the process is made, and waits. Raises SwarmError with Docker's text."""
        options = [*log, *stdio]
        return await self._launch(self.arguments(container_id, container_id, place, options), place)

    async def start(self, container_id: str) -> None:
        """Let the created process run its program."""
        status, output = await process.run([*self._runc_command(), "start", container_id], env=_ENV)
        if status:
            raise runtime_error(output.decode(errors="replace"), what="OCI runtime start failed")

    async def delete(self, container_id: str) -> None:
        """Kill what is left of it and forget it. Idempotent."""
        await process.run([*self._runc_command(), "delete", "--force", container_id], env=_ENV)

    async def pause(self, container_id: str) -> None:
        """Freeze its cgroup. Raises SwarmError."""
        await self._tell("pause", container_id)

    async def resume(self, container_id: str) -> None:
        """Raises SwarmError."""
        await self._tell("resume", container_id)

    async def update(self, container_id: str, resources: dict[str, object]) -> None:
        """New limits for a container that runs. Raises SwarmError."""
        with tempfile.NamedTemporaryFile(dir=self.state, suffix=".json") as file:
            file.write(json.dumps(resources).encode())
            file.flush()
            await self._tell("update", "--resources", file.name, container_id)

    async def _tell(self, *words: str) -> None:
        status, output = await process.run([*self._runc_command(), *words], env=_ENV)
        if status:
            raise runtime_error(output.decode(errors="replace"), what=f"OCI runtime {words[0]} failed")

    async def forget(self, container_id: str) -> None:
        """Drop the state of a container whose process has ended. Where runc has no cgroups, its state directory is
        all there is, and starting runc only to remove that would double the cost of every end."""
        if self._sealed:
            shutil.rmtree(self.state / container_id, ignore_errors=True)
        else:
            await self.delete(container_id)

    async def exec(
        self, container_id: str, exec_id: str, place: ShimPlace, process_file: Path, stdio: list[str]
    ) -> ExecLaunch:
        """Prepare a further process: its attach socket is there, the process is not yet."""
        options = [
            "-l", "none", "-e", "--exec-attach", "--exec-process-spec", str(process_file), *stdio,
        ]
        launch = ExecLaunch(place)
        await launch.begin(self.arguments(container_id, exec_id, place, options))
        return launch

    def _runc_command(self) -> list[str]:
        return [self.runc, f"--root={self.state}", "--rootless=true"]

    async def _launch(self, args: list[str], place: ShimPlace) -> Started:
        read_end, write_end = os.pipe()
        try:
            try:
                status, output = await process.run(
                    args, env=_ENV | {"_OCI_SYNCPIPE": str(write_end)}, pass_fds=[write_end])
            except OSError as error:
                raise errors.Internal(f"cannot run {args[0]}: {error.strerror}") from error
            finally:
                os.close(write_end)
            answer = await process.read_line(read_end)
        finally:
            os.close(read_end)
        return await _outcome(answer, status, output, place)


class ExecLaunch:
    """An exec on its way: `begin`, then the caller connects to the attach socket, then `go`."""

    def __init__(self, place: ShimPlace) -> None:
        self.place = place
        self._sync, self._attach, self._start = (-1, -1, -1)

    async def begin(self, args: list[str]) -> None:
        """Start conmon and wait until its attach socket listens."""
        (self._sync, sync), (self._attach, attach), (start, self._start) = os.pipe(), os.pipe(), os.pipe()
        env = _ENV | {"_OCI_SYNCPIPE": str(sync), "_OCI_ATTACHPIPE": str(attach), "_OCI_STARTPIPE": str(start)}
        os.write(self._start, b"\0")
        try:
            await process.run(args, env=env, pass_fds=[sync, attach, start])
        finally:
            for descriptor in (sync, attach, start):
                os.close(descriptor)
        await process.read_line(self._attach)

    async def go(self) -> Started:
        """Run the process, now that somebody listens. Raises SwarmError with Docker's text."""
        os.write(self._start, b"\0")
        answer = await process.read_line(self._sync)
        return await _outcome(answer, 0, b"", self.place, "OCI runtime exec failed: exec failed")

    def close(self) -> None:
        for descriptor in (self._sync, self._attach, self._start):
            if descriptor >= 0:
                os.close(descriptor)
        self._sync = self._attach = self._start = -1


async def _outcome(
    answer: bytes, status: int, output: bytes, place: ShimPlace, what: str = "OCI runtime create failed"
) -> Started:
    """What came of it. Where it failed, conmon ends as well: wait for that, so that nothing of it is left."""
    conmon_pid = _read_pid(place.conmon_pid_file)
    try:
        return Started(_pid_in(answer, status, output, what), conmon_pid)
    except errors.SwarmError:
        if conmon_pid:
            await process.ended(conmon_pid)
        raise


def _read_pid(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _pid_in(answer: bytes, status: int, output: bytes, what: str) -> int:
    """The pid conmon reports on its sync pipe; its failure becomes an error."""
    text = output.decode(errors="replace").strip()
    try:
        report = json.loads(answer.splitlines()[0]) if answer.strip() else {}
    except ValueError:
        report = {"data": -1, "message": answer.decode(errors="replace")}
    pid = int(report.get("data", report.get("pid", -1)))
    if pid > 0:
        return pid
    message = str(report.get("message") or text or f"conmon ended with status {status}")
    raise runtime_error(message, what=what)


def runtime_error(message: str, what: str) -> errors.SwarmError:
    """runc's or conmon's words as Docker's: what the user asked for wrongly is 400, the rest is 500."""
    records = [found["text"].replace('\\"', '"').replace("\\\\", "\\") for found in _RECORD.finditer(message)]
    text = (records[-1] if records else message).strip()
    text = re.sub(r"^(exec failed: |runc create failed: )?", "", text)
    error = f"{what}: {text}: unknown"
    return errors.InvalidArgument(error) if start_exit_code(text) else errors.Internal(error)


def start_exit_code(message: str) -> int:
    """Docker's exit code for a program that could not be started: 127 not found, 126 not executable; else 0."""
    if "executable file not found" in message or re.search(r'exec: .*no such file or directory', message):
        return 127
    if re.search(r'exec: .*(permission denied|is a directory)', message) or "exec format error" in message:
        return 126
    return 0
