"""What becomes of packages in an image, with packages made for it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from images.unpack import place, prepare_root, unpack

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb")


def package(folder: Path, name: str) -> Path:
    """A .deb of `folder / name`, which has everything but its control file."""
    control = folder / name / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n")
    subprocess.run(["dpkg-deb", "--build", folder / name, folder / f"{name}.deb"], check=True, capture_output=True)
    return folder / f"{name}.deb"


def test_a_package_with_the_merge_links_in_it_and_one_from_before_the_merge(tmp_path: Path) -> None:
    """Debian 13's base-files is the first, many of Debian 12 are the second."""
    new, old = tmp_path / "new", tmp_path / "old"
    (new / "usr" / "bin").mkdir(parents=True)
    (new / "usr" / "bin" / "a").write_text("a")
    for name in ("bin", "sbin", "lib", "lib64"):
        (new / name).symlink_to(f"usr/{name}")
    (old / "bin").mkdir(parents=True)
    (old / "bin" / "b").write_text("b")
    root = tmp_path / "root"
    prepare_root(root)
    unpack([package(tmp_path, "new"), package(tmp_path, "old")], root)
    assert (root / "bin").is_symlink() and not (root / "usr" / "bin").is_symlink()
    assert sorted(path.name for path in (root / "usr" / "bin").iterdir()) == ["a", "b"]


def test_what_no_image_needs_is_left_out() -> None:
    assert place("./usr/share/doc/x/copyright") is None
    assert place("./../etc/passwd") is None
    assert place("./lib/x86_64-linux-gnu/libc.so.6") == "usr/lib/x86_64-linux-gnu/libc.so.6"
