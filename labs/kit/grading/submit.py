"""Owns making a hand-in of a running lab: what was typed, answered, seen and recorded, in one `.swlab` file."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from labs.kit.clocks import local_zone
from labs.kit.events import EVENTS_FILE, GIVEN, Events
from labs.kit.grading.handin import FORMAT, Command, chained
from labs.kit.grading.tokens import named, without
from labs.kit.outside import OUTSIDE, acts_of

TYPED = "typed"
"""In a host's directory of the run: what its shells kept (topologies/shell.bash)."""


def typed(run_dir: Path, hosts: Iterable[str], events: Events) -> list[Command]:
    """What was typed on these hosts and done to them since the lab was last given, in the order it began; join tokens
    by the names of their roles."""
    found: list[Command] = []
    for host in hosts:
        try:
            data = (run_dir / "hosts" / host / TYPED).read_bytes()
        except OSError:
            continue  # nobody typed there
        found += read_typed(host, data)
    known, offset = named(events), time.time() - time.monotonic()
    begun = [event.t + offset for event in events.of("lab", GIVEN)]
    found = [replace(command, line=without(command.line, known)) for command in found
             if not begun or command.at >= begun[-1]]
    done = [Command(OUTSIDE, line, at + offset) for at, line in acts_of(events.since_given())]
    return sorted([*found, *done], key=lambda command: command.at)


def read_typed(host: str, data: bytes) -> list[Command]:
    """`MICROSECONDS<tab>LINE<nul>…`; what is not of that form is passed over."""
    found = []
    for entry in data.decode("utf-8", "replace").split("\0"):
        at, tab, line = entry.partition("\t")
        if tab and at.isdigit() and line.strip():
            found.append(Command(host, line, int(at) / 1e6))
    return found


def pack(
    student: str, results: dict[str, Any], said: dict[str, str], commands: list[Command], run_dir: Path,
) -> bytes:
    """The file's bytes."""
    manifest = {"format": FORMAT, "student": student, "lab": results["lab"], "seed": results["seed_id"],
                "lab_hash": results["lab_hash"], "host_facts": results["host_facts"],
                "hints": results.get("hints", {}), "zone": local_zone(),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    lines = "".join(json.dumps({"at": c.at, "host": c.host, "line": c.line}) + "\n" for c in commands)
    files = {"manifest.json": json.dumps(manifest, indent=1), "commands.jsonl": lines,
             "answers.json": json.dumps(said), "results.json": json.dumps(results, indent=1),
             "events.jsonl": chained(_events(run_dir))}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _events(run_dir: Path) -> list[str]:
    """The whole lines of the event log."""
    try:
        lines = (run_dir / EVENTS_FILE).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            continue  # cut short by a crash
        found.append(line)
    return found
