"""Makes a recording of a real Docker Engine (as root): `python -m tests.engine.golden_record`.

Types `golden/one28.sh`, line by line, at Debian's dockerd 20.10 in namespaces of its own, with the docker command of
this machine, and writes what was said to `golden/one28/`. The engine's images are the kit's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.engine.docker_clis import ROOT, debian_engine, path_cli
from tests.engine.engine_image import import_image
from tests.engine.golden_text import FOLDER
from tests.waiting import wait_for

NAMESPACES = ["unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child",
              "--mount-proc"]
SCRIPT = FOLDER / "one28.sh"
IMAGES = ("nginx:1.18", "nginx:1.19")
ADDRESS = "10.99.0.1"
CGROUP = "swarm-lab-kit-record"


def commands() -> Iterator[tuple[str, str]]:
    """(file, command), in order."""
    name = ""
    for line in SCRIPT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            name = line[3:]
        elif line and not line.startswith("#"):
            yield name, line


def main() -> None:
    """Outside the namespaces: everything that outlives them is removed here."""
    engine, cli = debian_engine(), path_cli()
    if engine is None or cli is None or os.geteuid() != 0:
        sys.exit("A recording needs root, a docker command, and Debian's docker.io and containerd from apt-get.")
    with tempfile.TemporaryDirectory(prefix="rec", dir="/tmp") as home:
        path = f"{cli.parent}:{engine}/bin:{engine}/sbin:{os.environ['PATH']}:/usr/sbin"
        try:
            subprocess.run([*NAMESPACES, sys.executable, "-m", "tests.engine.golden_record", "--inside", home],
                           check=True, cwd=ROOT, env={**os.environ, "PATH": path})
        finally:
            for parent in [*Path("/sys/fs/cgroup").glob(f"*/{CGROUP}"), *Path("/sys/fs/cgroup").glob(CGROUP)]:
                for folder in [*sorted((p for p in parent.rglob("*") if p.is_dir()), reverse=True), parent]:
                    folder.rmdir()


def inside(home: Path) -> None:
    """Start the engine, type everything, write the files."""
    for line in ("hostname node1", "ip link set lo up", "ip link add u type bridge",
                 f"ip addr add {ADDRESS}/24 dev u", "ip link set u up"):
        subprocess.run(line.split(), check=True)
    socket = home / "docker.sock"
    with open(home / "dockerd.log", "wb") as log:
        engine = subprocess.Popen(
            ["dockerd", "--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "-p", f"{home}/pid", "-H",
             f"unix://{socket}", "--iptables=false", "--ip6tables=false", f"--cgroup-parent={CGROUP}"],
            stdout=log, stderr=log)
    environment = {**os.environ, "DOCKER_HOST": f"unix://{socket}", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                   "COMPOSE": str(FOLDER / "one28.yml")}
    try:
        wait_for(lambda: _typed("docker version", environment).returncode == 0, "the engine answers", within=30)
        for image in IMAGES:
            import_image(["docker", "-H", f"unix://{socket}"], image, home)
        subprocess.run(["docker", "swarm", "init", "--advertise-addr", ADDRESS], check=True, env=environment,
                       stdout=subprocess.DEVNULL)
        _record(environment)
    finally:
        engine.terminate()
        engine.wait(60)


def _record(environment: dict[str, str]) -> None:
    folder = FOLDER / SCRIPT.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, command in commands():
        done = _typed(command, environment)
        with open(folder / f"{name}.txt", "a", encoding="utf-8") as file:
            file.write(f"node1$ {command}\n{_ended(done.stdout)}")
            if done.stderr:
                file.write(f"[stderr]\n{_ended(done.stderr)}")
            file.write(f"[exit {done.returncode}]\n\n")
        print(f"{name}: {command} -> {done.returncode}", flush=True)


def _typed(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=120,
                          stdin=subprocess.DEVNULL, env=environment)


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


if __name__ == "__main__":
    inside(Path(sys.argv[2])) if sys.argv[1:2] == ["--inside"] else main()
