"""The kit's images, as images of a real Docker Engine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from swarmkit_py.runtime.images import LayoutImageStore
from tests.engine.docker_clis import ROOT


def import_image(docker: list[str], name: str, home: Path) -> None:
    """Give the engine behind the command `docker` the kit's image `name`, in one layer. `home`: for two empty
    folders. Needs root, and a mount namespace of the caller's own."""
    image = LayoutImageStore(ROOT / ".kit" / "images").resolve(name)
    merged, empty = home / "merged", home / "empty"  # overlayfs wants two layers at least
    merged.mkdir(exist_ok=True)
    empty.mkdir(exist_ok=True)
    _run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={image.rootfs}:{empty}", str(merged))
    changes = [f"ENV {item.replace('=', ' ', 1)}" for item in image.config.get("Env", [])]
    changes += [f"{key.upper()} {json.dumps(image.config[key])}" for key in ("Cmd", "Entrypoint")
                if image.config.get(key)]
    changes += [f"EXPOSE {port}" for port in image.config.get("ExposedPorts") or ()]
    flags = [flag for change in changes for flag in ("-c", change)]
    packed = _run("tar", "-C", str(merged), "-c", ".")
    _run(*docker, "import", *flags, "-", name, given=packed)
    _run("umount", str(merged))


def _run(*command: str, given: bytes | None = None) -> bytes:
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True, timeout=60).stdout
