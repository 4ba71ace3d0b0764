"""Three hosts and a client, as network namespaces joined by a bridge, in a user namespace of their own.

Works as root and as an ordinary user. Each namespace is held by a process that dies with the test process, so nothing
is left behind whatever happens.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HOLD = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", "echo held; exec sleep infinity"]
INTO = ["-U", "-n", "-m", "--preserve-credentials"]


class CallFailed(Exception):
    """An error answer of a host's controller; `code` is the error class."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code


def possible() -> bool:
    """Can this machine make what the tests need?"""
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def hold(command: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen([*command, *HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n", "the namespace could not be made"
    return process


@dataclass
class Host:
    """One machine. `call` speaks to its controller, `run` runs a command on it, `run_in` in one of its sandboxes."""

    name: str
    address: str
    holder: subprocess.Popen[str]
    exec_root: Path
    controller: subprocess.Popen[str] | None = None
    servers: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def enter(self, sandbox: str = "") -> list[str]:
        inner = ["nsenter", f"--net={self.exec_root / 'netns' / sandbox}"] if sandbox else []
        return ["nsenter", "-t", str(self.holder.pid), *INTO, *inner]

    def run(self, *command: str, sandbox: str = "", check: bool = True) -> str:
        whole = [*self.enter(sandbox), *command]
        done = subprocess.run(whole, capture_output=True, text=True, check=False, timeout=60)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def json(self, *command: str) -> Any:
        return json.loads(self.run(*command) or "[]")

    def ask(self, protocol: str, address: str, port: int, count: int = 1, sandbox: str = "") -> list[str]:
        return self.run(sys.executable, str(HERE / "ask.py"), protocol, address, str(port), str(count),
                        sandbox=sandbox).split("\n")[:-1]

    @contextmanager
    def talk(self, script: str, *arguments: str, sandbox: str = "") -> Iterator[Callable[[], str]]:
        """Runs a script of this folder; each call gives it a line and returns the line it answers."""
        command = [*self.enter(sandbox), sys.executable, str(HERE / script), *arguments]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def say() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        try:
            yield say
        finally:
            process.kill()
            process.communicate()

    def serve(self, sandbox: str, name: str, port: int) -> None:
        command = [*self.enter(sandbox), sys.executable, str(HERE / "serve.py"), name, str(port)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.servers[name] = process
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    def boot(self, *options: str) -> None:
        self.launch(*options)
        self.call("start")

    def launch(self, *options: str) -> None:
        """`real`: its clock goes by itself."""
        self.controller = subprocess.Popen(
            [*self.enter(), sys.executable, str(HERE / "host.py"), str(self.exec_root), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        )

    def call(self, name: str, *arguments: Any) -> Any:
        assert self.controller is not None
        assert self.controller.stdin is not None
        assert self.controller.stdout is not None
        self.controller.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.controller.stdin.flush()
        answer = json.loads(self.controller.stdout.readline())
        if "error" in answer:
            raise CallFailed(answer["error"], answer["code"])
        return answer["result"]

    def end_server(self, name: str) -> None:
        process = self.servers.pop(name)
        process.kill()
        process.communicate()

    def kill(self) -> None:
        """kill -9 of the controller; its namespaces stay."""
        if self.controller:
            self.controller.kill()
            self.controller.communicate()

    def end(self) -> None:
        self.kill()
        for name in list(self.servers):
            self.end_server(name)
        self.holder.kill()
        self.holder.communicate()


class Lab:
    """`hosts` are nodes 192.168.50.1 … .3; `client` is .9, a machine outside the swarm."""

    def __init__(self, directory: Path, nodes: int = 3) -> None:
        self.base = hold(["unshare", "--user", "--map-root-user", "--net", "--mount"])
        self._ip("link", "add", "underlay", "type", "bridge")
        self._ip("link", "set", "underlay", "up")
        self.hosts = [self._host(f"node{n}", f"192.168.50.{n}", directory) for n in range(1, nodes + 1)]
        self.client = self._host("client", "192.168.50.9", directory)

    def boot(self) -> None:
        for host in self.hosts:
            host.launch()
        for host in self.hosts:
            host.call("start")

    def end(self) -> None:
        for host in [*self.hosts, self.client]:
            host.end()
        self.base.kill()
        self.base.communicate()

    def _enter(self) -> list[str]:
        return ["nsenter", "-t", str(self.base.pid), *INTO]

    def _ip(self, *arguments: str) -> None:
        subprocess.run([*self._enter(), "ip", *arguments], check=True)

    def _host(self, name: str, address: str, directory: Path) -> Host:
        holder = hold([*self._enter(), "unshare", "--net", "--mount"])
        host = Host(name, address, holder, directory / name)
        self._ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(holder.pid))
        self._ip("link", "set", name, "master", "underlay", "up")
        for command in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            host.run("ip", *command.split())
        return host
