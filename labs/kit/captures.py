"""Owns listening at several places while something is done: which packets with these bytes were seen where.

A place is a host's network namespace or that of one of its processes (a task). Packets are decoded as `lab tap` does,
inner headers of VXLAN included. Asks the kernel only.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labs.kit.checks import GraderError
from labs.kit.cluster_port import Cluster
from labs.kit.probe import PYTHON
from labs.kit.tap_script import decode

SCRIPT = Path(__file__).parent / "capture_script.py"
END_SECONDS = 15.0


@dataclass(frozen=True)
class Place:
    """Where to listen. `pid`: in the namespace of this process, as its host counts; 0: in the host's own.
    `interface`: "" for all there."""

    host: str
    pid: int = 0
    interface: str = ""


@dataclass(frozen=True)
class Heard:
    """One packet. `headers`: outermost first, as `tap_script.decode` has them."""

    interface: str
    out: bool
    headers: tuple[Mapping[str, Any], ...]

    @property
    def vni(self) -> int | None:
        """Of the VXLAN envelope; None for a packet without one."""
        return next((int(header["vni"]) for header in self.headers if header["kind"] == "vxlan"), None)

    @property
    def addresses(self) -> list[tuple[str, str]]:
        """(source, destination) of each IP header, the envelope's first."""
        return [(header["src"], header["dst"]) for header in self.headers if header["kind"] == "ip"]


def heard(
    cluster: Cluster, places: Mapping[str, Place], needle: bytes, act: Callable[[], object],
) -> dict[str, list[Heard]]:
    """Listen at all places, `act`, and say what with `needle` in it was seen at each. Raises GraderError."""
    with ExitStack() as stack:
        listeners = {name: stack.enter_context(_listener(cluster, place, needle)) for name, place in places.items()}
        for name, listener in listeners.items():
            _await_ready(name, listener)
        act()
        return {name: parse(_end(name, listener)) for name, listener in listeners.items()}


def _listener(cluster: Cluster, place: Place, needle: bytes) -> subprocess.Popen[str]:
    argv = [PYTHON, "-I", "-S", str(SCRIPT), needle.hex(), *([place.interface] if place.interface else [])]
    inside = ["nsenter", f"--net=/proc/{place.pid}/ns/net", "--", *argv] if place.pid else argv
    return subprocess.Popen(cluster.enter_argv(place.host, inside), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def _await_ready(name: str, listener: subprocess.Popen[str]) -> None:
    stream: IO[str] | None = listener.stdout
    if stream is None or stream.readline().strip() != "ready":
        listener.kill()
        said = listener.stderr.read().strip()[-200:] if listener.stderr else ""
        raise GraderError(f"nobody could listen at {name}: {said}")


def _end(name: str, listener: subprocess.Popen[str]) -> list[str]:
    try:
        output, _ = listener.communicate(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        listener.kill()
        raise GraderError(f"listening at {name} did not end") from None
    return output.splitlines()


def parse(lines: Iterable[str]) -> list[Heard]:
    """What the script printed; pure."""
    items = [json.loads(line) for line in lines]
    return [Heard(item["interface"], item["out"], tuple(decode(bytes.fromhex(item["frame"])))) for item in items]
