"""Owns apt as an ordinary user: which .deb files a set of packages needs, and where to get them. Knows no image.

Nothing here needs root or changes the machine: apt works on an empty status file (as if nothing were installed),
in directories of ours, and never runs a maintainer script. Lists of packages are the machine's, or, where it has
none yet, fetched into a directory of ours.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

SYSTEM_ARCHIVES = Path("/var/cache/apt/archives")
_LINE = re.compile(r"^'[^']+' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})$")


class BuildError(Exception):
    """Something the user can read and act on."""


@dataclass(frozen=True)
class Package:
    """One .deb as apt describes it."""

    file: str
    sha256: str

    @property
    def name(self) -> str:
        return self.file.split("_", 1)[0]

    @property
    def version(self) -> str:
        return unquote(self.file.split("_")[1])


def parse_uris(text: str) -> list[Package]:
    """The packages in the output of `apt-get --print-uris install`. Raises BuildError for one without a hash."""
    packages = []
    for line in text.splitlines():
        match = _LINE.match(line.rstrip())
        if match:
            packages.append(Package(match["file"], match["sha256"]))
        elif line.startswith("'"):
            raise BuildError(f"apt gives no SHA256 for a package, so it could not be verified: {line}")
    return packages


def without(packages: Iterable[Package], skipped: tuple[str, ...]) -> list[Package]:
    """Those that are not only there for maintainer scripts (`skipped`: name prefixes)."""
    return [package for package in packages if not package.name.startswith(skipped)]


class Apt:
    """apt-get with every state file under `work`."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.downloads = work / "downloads"
        self._lists: Path | None = None

    def _command(self, *arguments: str) -> list[str]:
        options = {
            "Dir::State::status": self.work / "apt-status",
            "Dir::Cache::archives": self.work / "apt-archives",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "APT::Install-Recommends": "false",
            "Acquire::ForceHash": "SHA256",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "true",
            "Acquire::Retries": "2",
        }
        if self._lists:
            options["Dir::State::lists"] = self._lists
        return ["apt-get", "-q", *(f"-o{key}={value}" for key, value in options.items()), *arguments]

    def _run(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(*arguments), cwd=cwd, capture_output=True, text=True, check=False)

    def prepare(self) -> None:
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise BuildError("images are built from Debian packages, and this machine has no apt-get or dpkg-deb")
        self.downloads.mkdir(parents=True, exist_ok=True)
        (self.work / "apt-archives" / "partial").mkdir(parents=True, exist_ok=True)
        (self.work / "apt-status").touch()

    def resolve(self, names: tuple[str, ...]) -> list[Package]:
        """All packages that `names` need, themselves included. Raises BuildError."""
        result = self._run("-y", "--print-uris", "install", *names)
        if result.returncode and self._lists is None:
            self._update()
            return self.resolve(names)
        if result.returncode:
            raise BuildError(f"apt cannot find what the images are made of ({', '.join(names)}):\n"
                             f"{result.stderr.strip()}\nTry `sudo apt-get update`, then build again.")
        return parse_uris(result.stdout)

    def _update(self) -> None:
        """Fetch lists of our own: the machine has none, or too old ones."""
        self._lists = self.work / "apt-lists"
        (self._lists / "partial").mkdir(parents=True, exist_ok=True)
        self._run("update")

    def fetch(self, packages: list[Package]) -> list[Path]:
        """The files of `packages`, each verified; downloads what is not here. Raises BuildError."""
        missing = [package for package in packages if self._have(package) is None]
        if missing:
            wanted = [f"{package.name}={package.version}" for package in missing]
            result = self._run("download", *wanted, cwd=self.downloads)
            if result.returncode:
                raise BuildError(f"apt-get download failed:\n{result.stderr.strip()}\n"
                                 "Check the network (or the apt proxy), then build again: what is here is kept.")
        found = [(package, self._have(package)) for package in packages]
        lost = [package.file for package, path in found if path is None]
        if lost:
            raise BuildError(f"these packages did not arrive intact: {', '.join(lost)}; build again to fetch them")
        return [path for _, path in found if path is not None]

    def _have(self, package: Package) -> Path | None:
        candidates: Iterator[Path] = (place / package.file for place in (self.downloads, SYSTEM_ARCHIVES))
        return next((path for path in candidates if path.is_file() and _intact(path, package)), None)


def _intact(path: Path, package: Package) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == package.sha256
