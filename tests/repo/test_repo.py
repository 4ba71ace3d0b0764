"""Nothing in the repository belongs to one machine."""

from __future__ import annotations

import re
from pathlib import Path

from tests.repo.imports import ROOT
from tests.repo.tracked import tracked

_HOSTS = ("deb." + "debian.", "pypi.org" + "/simple", "files." + "pythonhosted", "registry." + "npmjs")
_PATHS = ("/work" + "/main", "/work" + "/shared", ".py" + "env/", "/home" + r"/[a-z]+/")
FORBIDDEN = re.compile("|".join([*map(re.escape, _HOSTS), *_PATHS]))


def findings(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []  # not a text
    return [f"{path.name}:{number} {line.strip()[:80]}" for number, line in enumerate(text.splitlines(), 1)
            if FORBIDDEN.search(line)]


def test_no_paths_of_a_machine_and_no_registry_hosts() -> None:
    assert {str(path.relative_to(ROOT)): said for path in tracked() if (said := findings(path))} == {}


def test_the_rule_itself(tmp_path: Path) -> None:
    bad = tmp_path / "bad.sh"
    bad.write_text("fine\ncurl https://" + _HOSTS[0] + "org/debian\ncd " + _PATHS[0] + "/x\n")
    assert [said.split()[0] for said in findings(bad)] == ["bad.sh:2", "bad.sh:3"]


def test_what_is_run_is_executable() -> None:
    scripts = [path for path in tracked() if path.suffix in ("", ".sh")
               and path.read_bytes().startswith(b"#!")]
    assert [str(path.relative_to(ROOT)) for path in scripts if not path.stat().st_mode & 0o111] == []
