"""Owns finding the docker commands that tests type: the one on PATH, and Debian's 20.10, fetched once into `.kit/`.

`cli_parameters()` is for `pytest.mark.parametrize` and fixtures: a command that cannot be had is a skipped test that
says why, never a passed one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
KIT = ROOT / ".kit"
DEBIAN_CLI = KIT / "cli-20.10" / "usr" / "bin" / "docker"
DEBIAN_ENGINE = KIT / "engine-20.10" / "usr"
FETCH_SECONDS = 180


def path_cli() -> Path | None:
    """The docker command of this machine."""
    found = shutil.which("docker")
    return Path(found).resolve() if found else None


@lru_cache(maxsize=1)
def debian_cli() -> Path | None:
    """Debian's docker command, downloaded and unpacked (not installed) the first time; None where apt cannot."""
    return DEBIAN_CLI if _fetched(DEBIAN_CLI, KIT / "cli-20.10", "docker.io") else None


@lru_cache(maxsize=1)
def debian_engine() -> Path | None:
    """The directory with bin/ and sbin/ of Debian's dockerd and containerd, got in the same way."""
    return DEBIAN_ENGINE if _fetched(DEBIAN_ENGINE, KIT / "engine-20.10", "docker.io", "containerd") else None


def _fetched(wanted: Path, folder: Path, *packages: str) -> bool:
    """True if `wanted` is there, after unpacking the packages into `folder` the first time."""
    if not wanted.exists() and shutil.which("apt-get") and shutil.which("dpkg-deb"):
        KIT.mkdir(exist_ok=True)
        with open(folder.parent / f"{folder.name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once must not unpack over each other
            if not wanted.exists():
                _fetch(folder, packages)
    return wanted.exists()


def _fetch(target: Path, packages: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(dir=KIT) as name:
        folder = Path(name)
        try:
            subprocess.run(["apt-get", "download", *packages], cwd=folder, check=True, capture_output=True,
                           timeout=FETCH_SECONDS)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, folder / "unpacked"], check=True, capture_output=True)
        except (OSError, subprocess.SubprocessError):
            return  # offline, or another distribution: the tests are skipped, and say so
        if (folder / "unpacked" / "usr" / "bin" / "docker").exists():
            shutil.rmtree(target, ignore_errors=True)
            (folder / "unpacked").replace(target)


def version_of(cli: Path) -> str:
    """`28.2.2`: what the command says of itself."""
    done = subprocess.run([cli, "--version"], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.split("version ", 1)[-1].split(",", 1)[0].strip()


def docker_clis() -> dict[str, Path]:
    """Every docker command there is, by version."""
    found = [cli for cli in (path_cli(), debian_cli()) if cli is not None]
    return {version_of(cli): cli for cli in found}


def cli_parameters(*, both: bool = False) -> list[Any]:
    """Two parameters, `path` and `debian-20.10`: each a Path, or skipped with the reason. The second is typed only
    where `both` (what the two commands do differently) or `CLI_ALL=1` says so: it takes as long again."""
    found = [_parameter(path_cli(), "path", "no docker command on PATH")]
    if both or os.environ.get("CLI_ALL"):
        return [*found, _parameter(debian_cli(), "debian-20.10", "Debian's docker.io could not be downloaded")]
    return [*found, pytest.param(None, id="debian-20.10", marks=pytest.mark.skip(reason="long form: CLI_ALL=1"))]


def _parameter(cli: Path | None, name: str, reason: str) -> Any:
    marks = [] if cli is not None else [pytest.mark.skip(reason=reason)]
    return pytest.param(cli, id=name, marks=marks)
