"""A cluster on a machine like most students': cgroup v2 alone, and mounts that are shared, as systemd leaves them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from topologies.cluster import PROJECT

MACHINE = """
set -e
mount --make-rshared /
umount --lazy --recursive /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount > "$SAID/before"
lab() { "$PYTHON" -m labs.kit.cli "$@"; }
lab up one_node --name modern
mount > "$SAID/meanwhile"
lab exec --name modern manager1 -- sh -c '
  docker swarm init --advertise-addr 10.7.0.1 > /dev/null
  docker service create --quiet --name web -p 80:80 nginx:1.18 > /dev/null
  for pid in $(pgrep -x nginx); do tail -n 1 /proc/$pid/cgroup; done
  docker info --format "{{.CgroupVersion}}"
' > "$SAID/inside"
lab down modern
mount > "$SAID/after"
"""

pytestmark = [
    pytest.mark.kernel, pytest.mark.timeout(120),
    pytest.mark.skipif(os.getuid() != 0, reason="arranging such a machine takes root"),
]


def test_a_cluster_on_cgroup_v2_with_shared_mounts(own_base: Path, tmp_path: Path) -> None:
    script = ["unshare", "--mount", "--propagation", "private", "bash", "-c", MACHINE]
    environment = {**os.environ, "PYTHON": sys.executable, "SAID": str(tmp_path)}
    done = subprocess.run(script, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {path.name: path.read_text().splitlines() for path in tmp_path.iterdir()}
    assert said["meanwhile"] == said["before"], "what the sandbox mounts is not seen outside"
    assert said["after"] == said["before"]
    *places, version = said["inside"]
    assert version == "2" and places
    assert all(place.startswith("0::/swarmlab-") and "/hosts/manager1/" in place for place in places), places
    assert list(own_base.iterdir()) == []
