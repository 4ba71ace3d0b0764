"""Owns the order in which the offline images are built: `python -m images.build [DIRECTORY] [--check] [--force]`.

Idempotent: a stamp holds the hash of the recipes and of the distribution, and a second run returns at once.
Interruptible: everything is made in a temporary directory beside the store and published by one rename.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

from images.layout import LayoutWriter, replace_file
from images.packages import Apt, BuildError, without
from images.recipes import IMAGES, SKIPPED_PACKAGES, ImageRecipe, Layer
from images.unpack import prepare_root, unpack
from swarmkit_py.runtime import images as layout

DEFAULT_TARGET = Path(__file__).resolve().parent.parent / ".kit" / "images"
PLACES = ("usr/bin", "usr/sbin")
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


def fingerprint() -> str:
    """Changes when the recipes, this builder or the distribution change."""
    summary = hashlib.sha256(platform.machine().encode())
    here = Path(__file__).parent
    for path in sorted([*here.glob("*.py"), *here.glob("nginx/*"), *here.glob("whoami/*")]):
        summary.update(path.read_bytes())
    release = Path("/etc/os-release")
    summary.update(release.read_bytes() if release.exists() else b"")
    return summary.hexdigest()


def is_current(target: Path) -> bool:
    """Are the images there, and made by these recipes?"""
    stamp = target / "stamp"
    return (target / "index.json").exists() and stamp.exists() and stamp.read_text() == fingerprint()


class Builder:
    """One build into `target`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.apt = Apt(target / "work")
        self.writer = LayoutWriter(target)
        self._layers: dict[str, layout.Descriptor] = {}

    def run(self) -> None:
        """Build everything and publish it. Raises BuildError."""
        self.apt.prepare()
        with tempfile.TemporaryDirectory(prefix=".building-", dir=self.target) as work:
            for recipe in IMAGES:
                self._image(recipe, Path(work))
        self.writer.publish()
        replace_file(self.target / "stamp", fingerprint().encode())

    def _image(self, recipe: ImageRecipe, work: Path) -> None:
        layers: list[layout.Descriptor] = []
        below: list[Layer] = []
        for layer in recipe.layers:
            if layer.name not in self._layers:
                self._layers[layer.name] = self._layer(layer, below, work / layer.name)
            layers.append(self._layers[layer.name])
            below.append(layer)
        created = datetime.now(timezone.utc).replace(microsecond=0)
        config = layout.ImageConfig(
            architecture=MACHINES.get(platform.machine(), platform.machine()),
            created=created,
            config=recipe.config,
            rootfs={"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            history=[history(layer, created) for layer in recipe.layers],
        )
        self.writer.add_image(recipe.tag, config, layers)
        print(f"image {recipe.tag.removeprefix('docker.io/library/')}: {len(layers)} layers, "
              f"{sum(layer.size for layer in layers) / 1e6:.1f} MB", flush=True)

    def _layer(self, layer: Layer, below: list[Layer], root: Path) -> layout.Descriptor:
        packages = without(self.apt.resolve(layer.packages), SKIPPED_PACKAGES)
        if below:
            names = tuple(name for lower in below for name in lower.packages)
            there = set(self.apt.resolve(names))
            packages = [package for package in packages if package not in there]
        print(f"layer {layer.name}: {len(packages)} packages", flush=True)
        root.mkdir()
        prepare_root(root)
        unpack(self.apt.fetch(packages), root)
        add_own(layer, root)
        check_programs(layer, root)
        return self.writer.add_layer(root)


def history(layer: Layer, created: datetime) -> dict[str, object]:
    """A layer's line in `docker history`."""
    words = " ".join([*layer.packages, *(f"/{name}" for name in layer.files)])
    return {"created": created, "created_by": f"images.build {layer.name}: {words}"}


def add_own(layer: Layer, root: Path) -> None:
    """The recipe's own directories, files and links, over the packages' ones."""
    for name in layer.directories:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, (content, mode) in layer.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
    for name, target in layer.links.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    for name in ("tmp", "var/tmp"):
        if (root / name).is_dir():
            (root / name).chmod(0o1777)


def check_programs(layer: Layer, root: Path) -> None:
    """Raises BuildError if a program the layer is for is missing: the distribution's packages changed."""
    missing = [name for name in layer.programs if not any((root / place / name).exists() for place in PLACES)]
    if missing:
        raise BuildError(f"layer {layer.name} came out without {', '.join(missing)}: its recipe does not fit "
                         "this distribution's packages")


def build(target: Path, *, force: bool = False) -> bool:
    """Make the images in `target` what the recipes say; False if they were already. Raises BuildError."""
    if is_current(target) and not force:
        return False
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_current(target) and not force:
            return False
        for leftover in target.glob(".building-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        Builder(target).run()
    return True


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m images.build", description="Build the offline images.")
    parser.add_argument("target", nargs="?", type=Path, default=DEFAULT_TARGET, help="default: %(default)s")
    parser.add_argument("--check", action="store_true", help="build nothing; status 1 if not up to date")
    parser.add_argument("--force", action="store_true", help="build them again even if they are up to date")
    options = parser.parse_args(arguments)
    if options.check:
        return 0 if is_current(options.target) else 1
    try:
        built = build(options.target, force=options.force)
    except (BuildError, OSError, subprocess.CalledProcessError) as error:
        print(f"images: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("images: interrupted; the next build goes on with what was downloaded", file=sys.stderr)
        return 130
    print(f"images: {'ready' if built else 'up to date'} in {options.target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
