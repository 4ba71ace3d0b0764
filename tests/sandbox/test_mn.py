"""Our topologies are plain Mininet: Mininet's own command runs them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from topologies.cluster import PROJECT, base_environment

pytestmark = pytest.mark.kernel

_SPACES = ["--net", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]


@pytest.mark.parametrize("topo", ["one_node", "three_nodes", "two_racks", "nodes,2"])
def test_mn_runs_our_topologies(topo: str) -> None:
    if shutil.which("mn") is None or shutil.which("brctl") is None:
        pytest.skip("Mininet or brctl is not installed")
    custom = PROJECT / "topologies" / f"{topo.split(',')[0]}.py"
    mn = f"mn --custom {custom} --topo {topo} --test pingall"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *_SPACES, "sh", "-c", f"mount -t tmpfs none /run && {mn}"],
        capture_output=True, text=True, timeout=60, check=False, cwd="/", env=base_environment(),
    )
    assert "Results: 0% dropped" in done.stdout + done.stderr, done.stderr
