"""The real engine, in a user namespace: runs the runtime…_scenarios.py there, as root and as an ordinary user.

The namespaces die with the process that made them, and with them every container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
NAMESPACES = ["unshare", "--user", "--map-root-user", "--net", "--pid", "--mount", "--uts", "--ipc", "--fork",
              "--kill-child", "--mount-proc"]
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
INSIDE = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"'

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(240)]


def possible(prefix: list[str], command: list[str]) -> bool:
    return subprocess.run([*prefix, *command], capture_output=True, check=False, cwd="/").returncode == 0


@pytest.mark.parametrize("who", ["as we are", "as nobody"])
def test_the_engine(who: str) -> None:
    prefix = NOBODY if who == "as nobody" else []
    if prefix and os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    if not shutil.which("runc", path=os.environ["PATH"] + ":/usr/sbin") or not shutil.which("conmon"):
        pytest.skip("runc or conmon is not installed")
    if not possible(prefix, [*NAMESPACES, "true"]):
        pytest.skip("this kernel makes no user namespaces for us")
    if not possible(prefix, ["test", "-r", str(HERE / "runtime_world.py"), "-a", "-x", sys.executable]):
        pytest.skip("nobody cannot read this checkout")
    pytest_command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=/run/pytest",
                      f"--rootdir={ROOT}",
                      str(HERE / "runtime_scenarios.py"), str(HERE / "runtime_mount_scenarios.py")]
    done = subprocess.run(
        [*prefix, *NAMESPACES, "sh", "-c", INSIDE, "sh", *pytest_command], cwd=ROOT, capture_output=True, text=True,
        timeout=200, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    print(done.stdout[-6000:])
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
