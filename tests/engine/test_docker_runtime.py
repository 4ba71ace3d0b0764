"""swarmd on a real Docker Engine: runs docker_runtime_scenarios.py in namespaces of its own.

The engine is Debian's, unpacked and never installed; it dies with its namespaces, and with it every container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.docker_clis import debian_engine, path_cli

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NAMESPACES = ["unshare", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]

pytestmark = [pytest.mark.kernel, pytest.mark.cli, pytest.mark.timeout(240)]


@pytest.fixture
def cgroup() -> Iterator[str]:
    """The engine's own parent cgroup: it outlives the namespaces, so it is removed here."""
    name = f"swarm-lab-kit-test-{uuid.uuid4().hex[:8]}"
    yield name
    for parent in [*Path("/sys/fs/cgroup").glob(f"*/{name}"), *Path("/sys/fs/cgroup").glob(name)]:
        for path in sorted(parent.rglob("*"), reverse=True):
            if path.is_dir():
                path.rmdir()
        parent.rmdir()


def test_services_run_on_a_docker_engine(cgroup: str, tmp_path: Path) -> None:
    engine, cli = debian_engine(), path_cli()
    if os.geteuid() != 0:
        pytest.skip("a Docker Engine needs root")
    if engine is None or cli is None:
        pytest.skip("Debian's docker.io could not be downloaded with apt-get, or there is no docker command")
    if not (ROOT / ".kit" / "images" / "index.json").exists():
        pytest.skip("the images are not built: ./lab list builds them")
    home = Path(f"/tmp/{cgroup}")  # short: the sockets' paths have a limit
    home.mkdir()
    done = None
    try:
        environment = {
            **os.environ, "PYTHONDONTWRITEBYTECODE": "1", "DOCKER_WORLD": str(home), "DOCKER_CGROUP": cgroup,
            "DOCKER_CLI": str(cli), "PATH": f"{engine}/bin:{engine}/sbin:{os.environ['PATH']}:/usr/sbin",
        }
        done = subprocess.run(
            [*NAMESPACES, sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"--rootdir={ROOT}",
             f"--basetemp={tmp_path / 'inside'}", str(HERE / "docker_runtime_scenarios.py")],
            cwd=ROOT, capture_output=True, text=True, timeout=200, check=False, env=environment)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(done.stdout[-8000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
