"""Owns the talk with the scripts of `lab trace`: one on every host that is on. Knows no packets."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labs.kit.checks import GraderError
from labs.kit.cluster_port import Cluster
from labs.kit.probe import PYTHON
from labs.kit.tap_script import PLACES

SCRIPT = (f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r}); "
          "from labs.kit.trace.script import main; main()")
READY_SECONDS = 20.0


class Refused(Exception):
    """What a host's script could not do, in the kernel's words."""


class Ear:
    """The script on one host. `places`: (path, inode) of the namespaces it hears, the host's own first."""

    def __init__(self, cluster: Cluster, host: str) -> None:
        self.host = host
        argv = cluster.enter_argv(host, [PYTHON, "-I", "-S", "-B", "-c", SCRIPT, *PLACES])
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._rest = b""
        self.places: dict[int, str] = {}

    def ready(self) -> None:
        """Until it hears everything."""
        self.places = {place["inode"]: place["path"] for place in self.answer(READY_SECONDS)["places"]}

    def tell(self, do: str, **values: Any) -> None:
        """Begin something; `answer` is its end."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **values}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise GraderError(f"{self.host}: {error}") from None

    def answer(self, seconds: float) -> dict[str, Any]:
        """The next line. Raises Refused with its error, GraderError where none comes."""
        assert self._process.stdout is not None and self._process.stderr is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise GraderError(f"{self.host} does not answer")
            chunk = self._process.stdout.read1(1 << 20)  # type: ignore[attr-defined]
            if not chunk:
                said = self._process.stderr.read().decode(errors="replace").strip()
                raise GraderError(f"{self.host} cannot be listened on: {said[-300:] or 'it has gone'}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        if found.get("error") and "stage" not in found:
            raise Refused(found["error"])
        return found

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Begin and end."""
        self.tell(do, **values)
        return self.answer(READY_SECONDS)

    def end(self) -> None:
        """It ends with its standard input; whoever does not is killed."""
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def listening(cluster: Cluster, names: Iterable[str]) -> Iterator[Mapping[str, Ear]]:
    """Everybody listens by now. Raises GraderError."""
    ears: dict[str, Ear] = {}
    try:
        for name in names:
            ears[name] = Ear(cluster, name)
        for ear in ears.values():
            ear.ready()
        yield ears
    finally:
        for ear in ears.values():
            ear.end()


def collect(ears: Mapping[str, Ear], keys: Iterable[bytes]) -> dict[str, dict[str, Any]]:
    """What everybody heard that has one of these byte strings in it, by host."""
    wanted = [key.hex() for key in keys]
    for ear in ears.values():
        ear.tell("collect", keys=wanted)
    return {name: ear.answer(READY_SECONDS) for name, ear in ears.items()}
