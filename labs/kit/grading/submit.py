"""Owns making a hand-in of a running lab: what was typed, answered, seen and recorded, in one `.swlab` file."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from labs.kit.clocks import local_zone
from labs.kit.events import EVENTS_FILE, GIVEN, Events
from labs.kit.grading.handin import FORMAT, Command, chained
from labs.kit.grading.literals import PIDS, Literal, literals, read_pids, to_json
from labs.kit.grading.register import Register, registered
from labs.kit.grading.tokens import named, without
from labs.kit.outside import OUTSIDE, acts_of

TYPED = "typed"
"""In a host's directory of the run: what its shells kept (topologies/shell.bash)."""


def typed(run_dir: Path, hosts: Iterable[str], events: Events) -> list[Command]:
    """What was typed on these hosts and done to them since the lab was last given, in the order it began; join tokens
    by the names of their roles, other numbers with what they stood for."""
    known, offset, register = named(events), time.time() - time.monotonic(), registered(events.since_given())
    began = max((event.t for event in events.of("lab", GIVEN)), default=0.0) + offset
    found = [Command(OUTSIDE, line, at + offset) for at, line in acts_of(events.since_given())]
    for host in hosts:
        pids = read_pids(_kept(run_dir, host, PIDS))
        typed_here = [replace(command, line=without(command.line, known))
                      for command in read_typed(host, _kept(run_dir, host, TYPED)) if command.at >= began]
        found += [_meant(command, register, pids, offset) for command in typed_here]
    return sorted(found, key=lambda command: command.at)


def _kept(run_dir: Path, host: str, name: str) -> bytes:
    """What a host's shells kept; nothing where nobody typed."""
    try:
        return (run_dir / "hosts" / host / name).read_bytes()
    except OSError:
        return b""


def _meant(
    command: Command, register: Register, pids: Mapping[tuple[str, str], tuple[str, str]], offset: float,
) -> Command:
    """With what its numbers stood for when it was typed. `offset`: the wall's clock less that of the events."""
    noted = {number: what for (at, number), what in pids.items() if at == str(round(command.at * 1e6))}
    return replace(command, literals=literals(command.line, command.host, command.at - offset, register, noted))


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
    meant: Mapping[str, Iterable[Literal]] = MappingProxyType({}),
) -> bytes:
    """The file's bytes."""
    manifest = {"format": FORMAT, "student": student, "lab": results["lab"], "seed": results["seed_id"],
                "lab_hash": results["lab_hash"], "host_facts": results["host_facts"],
                "hints": results.get("hints", {}), "zone": local_zone(),
                "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if meant:
        manifest["meant"] = {code: to_json(found) for code, found in meant.items()}
    lines = "".join(json.dumps({"at": c.at, "host": c.host, "line": c.line, **_literals(c)}) + "\n" for c in commands)
    files = {"manifest.json": json.dumps(manifest, indent=1), "commands.jsonl": lines,
             "answers.json": json.dumps(said), "results.json": json.dumps(results, indent=1),
             "events.jsonl": chained(_events(run_dir))}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def _literals(command: Command) -> dict[str, Any]:
    return {"literals": to_json(command.literals)} if command.literals else {}


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
