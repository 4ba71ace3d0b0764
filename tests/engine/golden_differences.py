"""The table of known differences from a real swarm: reading it, subtracting it, and the page made of it.

An entry explains lines that a real swarm prints and we do not (`theirs`), and lines that we print instead (`ours`),
in the commands `where` (`019#1`, `*` for all; with `cli20:` or `cli28:` before it for one docker command only). An
entry that explains nothing any more fails the replay: the table can only shrink or be true.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.golden_text import FOLDER

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = FOLDER / "differences.toml"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "golden-differences.md"
_HEAD = """# Where our answers differ from a real swarm's

A recording of a real Docker Swarm (three Docker Engines 20.10.24; docker commands 20.10 and 28.2) is replayed with
the same docker commands against this kit (`tests/engine/test_golden.py`). Ids, times, addresses and the like are
masked; every other difference is in this table, with its reason. The table is
`tests/engine/golden/differences.toml`: a test
fails if a difference is missing from it, and if one in it is none any more.

"""


@dataclass
class Difference:
    """One entry. Lines are whole lines as compared, or, between slashes, regular expressions."""

    reason: str
    where: list[str]
    theirs: list[str] = field(default_factory=list)
    ours: list[str] = field(default_factory=list)
    sometimes: bool = False
    """A matter of the moment at which somebody looked: need not be seen each time."""
    used: bool = False

    def applies(self, cli: str, step: str) -> bool:
        return any(place in ("*", step, f"{cli}:*", f"{cli}:{step}", step.partition("#")[0]) for place in self.where)

    def subtract(self, lost: Counter[str], added: Counter[str]) -> None:
        """Take what this explains out of both."""
        for patterns, counted in ((self.theirs, lost), (self.ours, added)):
            for line in list(counted):
                if any(_fits(pattern, line) for pattern in patterns):
                    self.used = True
                    del counted[line]


def _fits(pattern: str, line: str) -> bool:
    if len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/"):
        return re.fullmatch(pattern[1:-1], line) is not None
    return pattern == line


def read_table() -> list[Difference]:
    entries: list[dict[str, Any]] = tomllib.loads(TABLE.read_text())["difference"]
    return [Difference(**entry) for entry in entries]


def unexplained(cli: str, step: str, theirs: list[str], ours: list[str], table: list[Difference]) -> list[str]:
    """Lines with `-` that only the real swarm printed, with `+` that only we did, and no entry explains."""
    lost, added = Counter(theirs) - Counter(ours), Counter(ours) - Counter(theirs)
    for entry in table:
        if entry.applies(cli, step):
            entry.subtract(lost, added)
    return [f"- {line}" for line in lost] + [f"+ {line}" for line in added]


def page() -> str:
    """docs/reference/golden-differences.md."""
    parts = [_HEAD]
    for entry in read_table():
        parts.append(f"## {', '.join(entry.where)}\n\n{entry.reason}\n\n```diff\n")
        parts.extend(f"- {line}\n" for line in entry.theirs)
        parts.extend(f"+ {line}\n" for line in entry.ours)
        parts.append("```\n\n")
    return "".join(parts).rstrip("\n") + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page())
