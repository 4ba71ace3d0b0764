"""A clone of the kit may lie anywhere, also where a host has a directory of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import STAND_IN, fresh_name
from topologies.cluster import PROJECT

pytestmark = pytest.mark.kernel

ASK = """
import subprocess, sys
from topologies import clusters
from topologies.cluster import PROJECT
cluster = clusters.start("one_node", sys.argv[1], daemon=sys.argv[2], lifeline=True)
argv = cluster.enter_argv("manager1", ["ls", str(PROJECT)])
print(subprocess.run(argv, capture_output=True, text=True).stdout)
cluster.stop()
"""


def test_hosts_see_a_kit_that_lies_under_tmp(tmp_path: Path) -> None:
    """Hosts have a /tmp and a /root of their own, which must not hide the images and the docker command."""
    assert tmp_path.is_relative_to("/tmp"), "pytest's own directory is elsewhere: the test would prove nothing"
    for part in ("topologies", "swarmkit_py", "tests"):
        shutil.copytree(PROJECT / part, tmp_path / "kit" / part)
    done = subprocess.run([sys.executable, "-c", ASK, fresh_name(), STAND_IN], cwd=tmp_path / "kit", check=False,
                          capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})
    assert done.stdout.split() == ["swarmkit_py", "tests", "topologies"], done.stderr
