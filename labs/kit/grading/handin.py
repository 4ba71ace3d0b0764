"""Owns what a hand-in is, and reading one that nobody vouches for: a `.swlab` file, a script, a folder of them, or a
Moodle bulk zip. Nothing of a zip is ever written to disk. Runs nothing.

    manifest.json     format, lab, student, seed, kit
    commands.jsonl    {"at", "host", "line", "literals"}: what was typed, in order, and what its numbers stood for
    answers.json      what was predicted and answered
    results.json      the judgement the student saw
    events.jsonl      what happened, each line with the digest of the line before
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from labs.kit.grading.literals import Literal, from_json

FORMAT = 1
SUFFIX = ".swlab"
SCRIPTS = (".sh", ".txt")
MOST_BYTES = 16 * 1024 * 1024
MOST_FILES = 4000
MOST_COMMANDS = 500
LONGEST_LINE = 4000
_MOODLE = re.compile(r"[^_]*_(\d{1,12})_assignsubmission")
_HOST = re.compile(r"@([a-z][a-z0-9]{0,15})\s*$")


class BadHandIn(Exception):
    """It cannot be graded; the message is for the student."""


@dataclass(frozen=True)
class Command:
    host: str
    line: str
    at: float = 0.0
    literals: tuple[Literal, ...] = ()


@dataclass(frozen=True)
class Sitting:
    """What an exam's grade depends on besides: hints asked for, by step, and the clock's seconds ahead of UTC."""

    hints: dict[str, int] = field(default_factory=dict)
    zone: float | None = None


@dataclass(frozen=True)
class HandIn:
    """`problem`: why there is nothing to replay. `notes`: what the instructor should know of it."""

    student: str
    lab: str = ""
    seed: str | None = None
    commands: tuple[Command, ...] = ()
    said: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str = ""
    participant: str = ""
    """Moodle's number of the student's hand-in, from the name of its folder."""
    sitting: Sitting = Sitting()
    meant: dict[str, tuple[Literal, ...]] = field(default_factory=dict)
    """What the numbers of an answer stood for, by its question."""


def gather(paths: Iterable[Path]) -> Iterator[HandIn]:
    """All hand-ins in these files and folders, sorted. One that cannot be read comes with its problem."""
    for path in paths:
        if path.is_dir():
            yield from gather(sorted(one for one in path.iterdir() if one.is_dir() or _is_hand_in(one.name)))
        else:
            yield from _of_file(path)


def _is_hand_in(name: str) -> bool:
    return name.lower().endswith((SUFFIX, ".zip", *SCRIPTS))


def _of_file(path: Path) -> Iterator[HandIn]:
    if path.is_symlink():
        yield HandIn(path.stem, problem="it is a symbolic link, which is not followed")
        return
    try:
        if path.stat().st_size > MOST_BYTES:
            yield HandIn(path.stem, problem=f"it is larger than {MOST_BYTES // 1024 // 1024} MiB")
            return
        data = path.read_bytes()
    except OSError as error:
        yield HandIn(path.stem, problem=f"it cannot be read: {error.strerror}")
        return
    yield from of_bytes(path.name, data)


def of_bytes(name: str, data: bytes) -> Iterator[HandIn]:
    """The hand-ins in a file of this name: several in a Moodle bulk zip."""
    student = PurePosixPath(name).stem
    try:
        if name.lower().endswith(SCRIPTS):
            yield script(student, data)
        elif name.lower().endswith(SUFFIX):
            yield bundle(student, data)
        else:
            yield from _moodle(data)
    except BadHandIn as bad:
        yield HandIn(student, problem=str(bad))


def _moodle(data: bytes) -> Iterator[HandIn]:
    """`Name_123_assignsubmission_file_/work.swlab`, …: the name of the student stands before the first `_`."""
    with _opened(data) as archive:
        for info in sorted(archive.infolist(), key=lambda one: one.filename):
            place = PurePosixPath(info.filename)
            if info.is_dir() or not place.name.lower().endswith((SUFFIX, *SCRIPTS)):
                continue
            folder = _MOODLE.match(place.parent.name)
            student = place.parent.name.partition("_")[0] or place.stem
            for found in of_bytes(place.name, _member(archive, info)):
                yield replace(found, student=student, participant=folder.group(1) if folder else "")


def _opened(data: bytes) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise BadHandIn("it is no zip file") from None
    infos = archive.infolist()
    if len(infos) > MOST_FILES or sum(info.file_size for info in infos) > 4 * MOST_BYTES:
        raise BadHandIn("it unpacks to more than is allowed")
    return archive


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.external_attr >> 28 == 0xA:
        raise BadHandIn(f"{info.filename!r} is a symbolic link")
    try:
        with archive.open(info) as file:
            data = file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError, ValueError):
        raise BadHandIn(f"{info.filename!r} cannot be unpacked") from None
    if len(data) > MOST_BYTES:
        raise BadHandIn(f"{info.filename!r} is too large")
    return data


def bundle(student: str, data: bytes) -> HandIn:
    """One `.swlab` file. Raises BadHandIn."""
    with _opened(data) as archive:
        names = [info.filename for info in archive.infolist()]
        odd = [name for name in names if name.startswith(("/", "\\")) or ".." in PurePosixPath(name).parts]
        if odd or len(set(names)) != len(names):
            raise BadHandIn(f"it holds paths that no hand-in has: {(odd or names)[0]!r}")
        files = {info.filename: _member(archive, info) for info in archive.infolist() if not info.is_dir()}
    manifest = _json(files, "manifest.json", dict)
    if manifest.get("format") != FORMAT:
        raise BadHandIn(f"its format is {manifest.get('format')!r}; this kit reads {FORMAT}")
    said = {str(code): str(answer) for code, answer in _json(files, "answers.json", dict).items()}
    notes = () if chain_holds(_text(files.get("events.jsonl", b""))) else (
        "events.jsonl was edited: its chain of digests is broken (it is not used for the score)",)
    lab, seed = manifest.get("lab"), manifest.get("seed")
    if not isinstance(lab, str) or not (seed is None or isinstance(seed, str)):
        raise BadHandIn("its manifest does not say which lab and whose values")
    return HandIn(str(manifest.get("student") or student), lab, seed, _commands(files), said, notes,
                  sitting=sitting(manifest), meant=meanings(manifest.get("meant"), said))


def meanings(found: Any, said: dict[str, str]) -> dict[str, tuple[Literal, ...]]:
    """Of `{question: literals}`, what fits the answers."""
    known = found if isinstance(found, dict) else {}
    return {code: fit for code, items in known.items() if code in said and (fit := from_json(items, said[code]))}


def sitting(manifest: dict[str, Any]) -> Sitting:
    """Of older kits' hand-ins nothing is known."""
    hints, zone = manifest.get("hints"), manifest.get("zone")
    known = hints.items() if isinstance(hints, dict) else ()
    levels = {str(step): level for step, level in known if isinstance(level, int) and level > 0}
    return Sitting(levels, float(zone) if isinstance(zone, (int, float)) and abs(zone) <= 86400 else None)


def _json(files: dict[str, bytes], name: str, kind: type) -> Any:
    try:
        found = json.loads(_text(files[name]))
    except KeyError:
        raise BadHandIn(f"{name} is missing") from None
    except (ValueError, RecursionError):
        raise BadHandIn(f"{name} is not JSON") from None
    if not isinstance(found, kind):
        raise BadHandIn(f"{name} does not hold what it should")
    return found


def _commands(files: dict[str, bytes]) -> tuple[Command, ...]:
    found = []
    for raw in _text(files.get("commands.jsonl", b"")).splitlines():
        try:
            item = json.loads(raw)
            line = str(item["line"])
            found.append(Command(str(item["host"]), line, float(item.get("at", 0)),
                                 from_json(item.get("literals"), line)))
        except (ValueError, TypeError, KeyError, RecursionError, AttributeError):
            raise BadHandIn("commands.jsonl holds a line that is no command") from None
    return _bounded(found)


def _bounded(found: list[Command]) -> tuple[Command, ...]:
    if len(found) > MOST_COMMANDS:
        raise BadHandIn(f"it holds {len(found)} commands; at most {MOST_COMMANDS} are replayed")
    for command in found:
        if len(command.line) > LONGEST_LINE:
            raise BadHandIn(f"a command is longer than {LONGEST_LINE} characters")
        if any(ord(char) < 32 and char not in "\n\t" for char in command.line):
            raise BadHandIn("a command holds control characters")
    return tuple(found)


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadHandIn("it is not text in UTF-8") from None


def script(student: str, data: bytes) -> HandIn:
    """A plain script: `@HOST` lines say where, `@predict P1 …` answers, the rest is typed. Raises BadHandIn."""
    host, said, found = "manager1", {}, []
    for line in _text(data).splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = _HOST.match(line)
        if line.startswith("@predict "):
            code, _, answer = line.removeprefix("@predict ").partition(" ")
            said[code.upper()] = answer
        elif line.startswith("@step"):
            continue
        elif where:
            host = where.group(1)
        else:
            found.append(Command(host, line))
    return HandIn(student, commands=_bounded(found), said=said)


def chained(lines: Iterable[str]) -> str:
    """JSON lines, each with the digest of the line before it under `chain`."""
    digest, out = "", []
    for line in lines:
        item = {**json.loads(line), "chain": digest}
        text = json.dumps(item, separators=(",", ":"), sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        out.append(text + "\n")
    return "".join(out)


def chain_holds(text: str) -> bool:
    """Whether no line but the last was changed, put in or taken out."""
    digest = ""
    for line in text.splitlines():
        try:
            if json.loads(line)["chain"] != digest:
                return False
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        digest = hashlib.sha256(line.encode()).hexdigest()
    return True
