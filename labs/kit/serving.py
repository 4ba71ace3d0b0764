"""Owns asking each task what it serves, from inside its own network namespace: no mesh, no other task in between."""

from __future__ import annotations

import re

from labs.kit.view import View
from labs.kit.world import LiveTask

SERVER = re.compile(r"^server:\s*nginx/(\d+\.\d+)", re.IGNORECASE | re.MULTILINE)


def served(c: View, task: LiveTask) -> str:
    """The version this very task answers with; "" when it does not answer, or with an error."""
    done = c.run_in(task, ["curl", "-si", "--max-time", "3", "http://127.0.0.1/"])
    found = SERVER.search(done.stdout)
    return found.group(1) if found and done.stdout.split(" ")[1:2] == ["200"] else ""


def versions(c: View) -> dict[str, int]:
    """How many live tasks of the lab's service answer with each version; "–" for those that answer nothing good."""
    found: dict[str, int] = {}
    for task in c.world.live(c.p.service):
        version = served(c, task) or "–"
        found[version] = found.get(version, 0) + 1
    return found


def in_words(found: dict[str, int]) -> str:
    """`1.18: 4, –: 1`."""
    return ", ".join(f"{version}: {number}" for version, number in sorted(found.items())) or "0"


def tag(image: str) -> str:
    """`1.18` of `nginx:1.18@sha256:…`."""
    return image.partition("@")[0].rpartition(":")[2]
