"""Owns a `lab` command for one test: the kit's own in the running Python (no set-up), its clusters and progress in a
folder of the test, so that it sees no other test's clusters and its clusters may have the names that students see.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.repo.imports import ROOT

LAB = f"""#!{sys.executable}
import os, pathlib, sys
sys.path.insert(0, {str(ROOT)!r})
from topologies import places
places.bases = lambda: [pathlib.Path(os.environ["XDG_RUNTIME_DIR"]) / "swarmlab"]
sys.argv[0] = "lab"
from labs.kit.cli import main
main()
"""


def make_lab(folder: Path) -> dict[str, str]:
    """Put `lab` into this folder; the environment in which it is to be called. A short path: sockets lie below."""
    (folder / "lab").write_text(LAB)
    (folder / "lab").chmod(0o755)
    (folder / "run").mkdir(mode=0o700)
    return {**os.environ, "XDG_RUNTIME_DIR": str(folder / "run"), "XDG_STATE_HOME": str(folder / "state")}
