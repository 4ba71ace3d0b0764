"""A small machine for the real engine: an image of this machine's own programs, and network namespaces by hand.

Used inside a user namespace only (test_runtime_engine starts it there).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from images.layout import LayoutWriter
from images.unpack import place, prepare_root
from swarmkit_py import errors
from swarmkit_py.clock import SystemClock
from swarmkit_py.ids import Ids
from swarmkit_py.runtime.base import Attached, Container, ContainerConfig, LogOptions, Sandbox, SandboxSpec
from swarmkit_py.runtime.engine import Engine
from swarmkit_py.runtime.images import ImageConfig, LayoutImageStore

PROGRAMS = ("sh", "cat", "sleep", "id", "ls", "stty", "head", "readlink", "hostname", "grep")


def build_image(root: Path) -> None:
    """Image `box`: a shell and a few programs of this machine, with their libraries."""
    layer = root / "layer"
    layer.mkdir(parents=True)
    prepare_root(layer)
    for name in PROGRAMS:
        program = shutil.which(name)
        assert program is not None, f"this machine has no {name}"
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
        libraries = re.findall(r"(/\S+) \(0x", listed)
        for source in [f"/usr/bin/{name}", *libraries]:
            target = layer / (place(source) or "")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(program if source.endswith(f"/{name}") else source, target)
    for name in ("proc", "sys", "dev", "tmp", "etc"):
        (layer / name).mkdir(exist_ok=True)
    (layer / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (layer / "etc/plain").write_text("not a program")
    writer = LayoutWriter(root)
    config = ImageConfig(config={"Cmd": ["sh"], "Env": ["PATH=/usr/bin:/bin", "FROM=image"]})
    writer.add_image("docker.io/library/box:latest", config, [writer.add_layer(layer)])
    writer.publish()


class HandNetwork:
    """SandboxNetwork: an empty network namespace, with its loopback up. `refuse`: the next one is refused."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.refuse = ""
        self._made: dict[str, Sandbox] = {}
        root.mkdir(parents=True, exist_ok=True)

    async def create_sandbox(self, spec: SandboxSpec) -> Sandbox:
        if self.refuse:
            raise errors.Conflict(self.refuse)
        path = self.root / spec.id[:12]
        if spec.mode != "host" and not path.exists():
            path.touch()
            subprocess.run(["unshare", f"--net={path}", "ip", "link", "set", "lo", "up"], check=True)
        self._made[spec.id] = Sandbox(id=spec.id, path="" if spec.mode == "host" else str(path),
                                      bridge_address="172.17.0.9/16")
        return self._made[spec.id]

    async def remove_sandbox(self, sandbox_id: str) -> None:
        self._made.pop(sandbox_id, None)
        path = self.root / sandbox_id[:12]
        if path.exists():
            subprocess.run(["umount", path], check=True)
            path.unlink()

    def get_sandbox(self, sandbox_id: str) -> Sandbox | None:
        return self._made.get(sandbox_id)


class World:
    """One engine, which can be replaced by a new one (as if the daemon had been killed)."""

    def __init__(self, root: Path, images: Path) -> None:
        self.root, self.images = root, images
        self.network = HandNetwork(root / "netns")
        self.engine = self._engine()

    def _engine(self) -> Engine:
        return Engine(
            network=self.network, images=LayoutImageStore(self.images), clock=SystemClock(), ids=Ids(),
            data_root=self.root / "data", exec_root=self.root / "exec")

    async def new_engine(self) -> Engine:
        """The daemon is gone; the next one takes over."""
        await self.engine.close()
        self.engine = self._engine()
        await self.engine.restore()
        return self.engine

    async def create(self, script: str = "", **config: object) -> Container:
        """A container of a shell script (default: sleep)."""
        args = ["sh", "-c", script or "exec sleep 60"]
        wanted: dict[str, Any] = {"image": "box", "args": args, **config}
        return await self.engine.create(ContainerConfig(**wanted))

    async def run(self, script: str = "", **config: object) -> Container:
        made = await self.create(script, **config)
        return await self.engine.start(made.id)

    async def output(self, script: str, **config: object) -> str:
        """What a script prints, both streams, until it ends."""
        made = await self.run(script, **config)
        await self.engine.wait(made.id)
        return b"".join([line.data async for line in self.engine.logs(made.id, LogOptions())]).decode()

    def log(self, container_id: str) -> bytes:
        """What stands in a container's log file now."""
        path = Path(self.engine.get(container_id).log_path)
        return path.read_bytes() if path.exists() else b""

    def leftovers(self) -> list[str]:
        """Files, mounts and namespaces that belong to containers."""
        files = [str(path.relative_to(self.root)) for name in ("data/containers", "data/overlay", "exec", "netns")
                 for path in (self.root / name).glob("*")]
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(self.root) in line]
        kept = ("exec/exits", "exec/runc", "exec/execs", "exec/files")
        return [name for name in files if name not in kept] + mounts


async def collect(attached: Attached) -> dict[str, bytes]:
    """Everything a process writes, by stream."""
    found: dict[str, bytes] = {}
    async for stream, data in attached.output():
        found[stream] = found.get(stream, b"") + data
    return found
