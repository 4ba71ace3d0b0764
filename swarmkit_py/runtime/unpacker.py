"""Owns the call of umoci, the one thing here that unpacks layers it does not trust. Knows no store.

Counterpart: moby/pkg/archive (ApplyLayer).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from swarmkit_py import errors
from swarmkit_py.runtime.mounts import read_id_map

SECONDS = 300.0


def run_umoci(layout: Path, target: Path) -> None:
    """Unpack the image tagged `image` of an OCI layout into the new directory `target`.

    Raises errors.InvalidArgument for layers that cannot be unpacked, errors.Unimplemented without umoci."""
    program = shutil.which("umoci")
    if program is None:
        raise errors.Unimplemented("taking in images of other makers needs umoci: install the package umoci")
    ids = read_id_map()
    rootless = [] if ids.has_gid(65534) else ["--rootless"]  # a single user id cannot give files to others
    command = [program, "--log=error", "raw", "unpack", *rootless, "--image", f"{layout}:image", str(target)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise errors.Internal(f"unpacking the image took longer than {SECONDS:.0f} s") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["umoci gave no reason"])[-1].strip(" ⨯")
        raise errors.InvalidArgument(f"the image's layers cannot be unpacked: {said}")
