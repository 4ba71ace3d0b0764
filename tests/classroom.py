"""Makes a class of synthetic hand-ins for lab 03, and says what each must be told: right ones with their own seeds,
each wrong answer, each hostile one, and files that are no hand-ins.

    python -m tests.classroom FOLDER [SIZE]         then: lab grade FOLDER --lab 03 -j 4
    python -m tests.classroom --compare FOLDER/expected.json grades/results.json
"""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labs.kit.folder import HOLE, Lab, find_lab
from labs.kit.grading.handin import chained, script

HOSTILE = Path(__file__).parent / "hostile"
WHOLE = 50
SAID = {
    "disk_filler": "memory and disk", "endless_output": "characters of output", "fork_bomb": "processes at once",
    "memory_filler": "memory", "memfd_filler": "memory", "shared_memory_filler": "memory",
    "sleeper": "did not come back",
}
"""What a hostile hand-in is told; the others simply earn nothing."""


@dataclass(frozen=True)
class Member:
    """One hand-in. `score`: None for any below full marks. `says`: in what its student is told."""

    name: str
    file: str
    data: bytes
    status: str = "graded"
    score: int | None = 0
    mistake: str = ""
    says: str = ""


def members(size: int = WHOLE, seed: int = 1) -> list[Member]:
    """A class of this size. Fewer than all are drawn: one of each kind comes first."""
    lab, dice = find_lab("03"), random.Random(seed)
    kinds = [wrong(lab), hostile(), broken(lab)]
    if size < sum(map(len, kinds)):
        for kind in kinds:
            dice.shuffle(kind)
        odd = [member for several in zip(*kinds, strict=False) for member in several][:size // 2 + 1]
    else:
        odd = [member for kind in kinds for member in kind]
    return [*odd, *(right(lab, number) for number in range(size - len(odd)))]


def right(lab: Lab, number: int) -> Member:
    """The solution with this student's values, as `lab submit` packs it."""
    seed = f"student-{number}"
    return Member(f"right{number:02}", f"right{number:02}.swlab", bundle(f"right{number:02}", lab, seed), score=20)


def wrong(lab: Lab) -> list[Member]:
    """Every wrong answer of the lab, as a script."""
    return [Member(f"wrong_{code}", f"wrong_{code}.sh", filled(lab, path.read_text(encoding="utf-8")).encode(),
                   score=None, mistake=code) for code, path in lab.wrong().items()]


def hostile() -> list[Member]:
    """Every script of tests/hostile."""
    return [Member(path.stem, f"{path.stem}.sh", path.read_bytes(), says=SAID.get(path.stem, ""),
                   status="refused" if path.stem.endswith(("_filler", "_bomb")) else "graded")
            for path in sorted(HOSTILE.glob("*.sh"))]


def broken(lab: Lab) -> list[Member]:
    """What is no hand-in, or was edited."""
    link = zipfile.ZipInfo("answers.json")
    link.external_attr = 0o120777 << 16
    whole = bundle("edited_log", lab, None, events=["{}", "{}", "{}"])
    return [
        Member("symlink", "symlink.swlab", zipped([("manifest.json", "{}"), (link, "/etc/passwd")]), "refused",
               says="symbolic link"),
        Member("climbs", "climbs.swlab", zipped([("../../evil", "x")]), "refused", says="paths"),
        Member("no_zip", "no_zip.swlab", b"\x00" * 999, "refused", says="no zip"),
        Member("latin1", "latin1.sh", "echo é\n".encode("latin-1"), "refused", says="UTF-8"),
        Member("too_long", "too_long.sh", b"true\n" * 10_000, "refused", says="at most"),
        Member("bomb", "bomb.swlab", zipped([("manifest.json", " " * 80_000_000)]), "refused", says="unpacks"),
        Member("edited_log", "edited_log.swlab", whole, score=20, says="events.jsonl was edited"),
    ]


def bundle(student: str, lab: Lab, seed: str | None, events: Iterable[str] = ()) -> bytes:
    """A `.swlab` file with the solution in it. The chain of its events is broken where there are several."""
    played = script(student, filled(lab, lab.solution(), seed).encode())
    lines = chained(events).splitlines(keepends=True)
    texts = {
        "manifest.json": json.dumps({"format": 1, "student": student, "lab": lab.id, "seed": seed}),
        "commands.jsonl": "".join(json.dumps({"host": c.host, "line": c.line}) + "\n" for c in played.commands),
        "answers.json": json.dumps(played.said),
        "events.jsonl": "".join(reversed(lines)),
    }
    return zipped(texts.items())


def filled(lab: Lab, text: str, seed: str | None = None) -> str:
    values = lab.params(seed).values()
    return HOLE.sub(lambda hole: str(values[hole.group(1)]), text)


def zipped(files: Iterable[tuple[Any, str]]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
    return out.getvalue()


def compared(expected: Iterable[Member], students: Iterable[dict[str, Any]]) -> list[str]:
    """What is not as expected, a sentence each."""
    found = {one["student"]: one for one in students}
    return [f"{member.name}: {problem}" for member in expected
            for problem in _differs(member, found.get(member.name))]


def _differs(member: Member, one: dict[str, Any] | None) -> Iterable[str]:
    if one is None:
        yield "it was not graded"
        return
    if one["status"] != member.status:
        yield f"{one['status']}, not {member.status}: {one.get('problem')}"
    if one["score"] != member.score and member.score is not None:
        yield f"{one['score']} points, not {member.score}"
    if member.score is None and one["score"] == one["max_score"]:
        yield "it earns everything"
    mistakes = {check["mistake"] for check in one["checks"] if check.get("mistake")}
    if member.mistake and member.mistake not in mistakes:
        yield f"told as {sorted(mistakes)}, not as {member.mistake}"
    if member.says not in " ".join([one.get("problem") or "", *one["notes"]]):
        yield f"its student is not told of {member.says!r}"


def write(folder: Path, size: int = WHOLE, seed: int = 1) -> list[Member]:
    """The files, and expected.json beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = members(size, seed)
    for member in made:
        (folder / member.file).write_bytes(member.data)
    expected = [{name: value for name, value in asdict(member).items() if name != "data"} for member in made]
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    return made


def main() -> None:
    if sys.argv[1] == "--compare":
        expected = [Member(data=b"", **item) for item in json.loads(Path(sys.argv[2]).read_text())]
        students = json.loads(Path(sys.argv[3]).read_text())["students"]
        problems = compared(expected, students)
        took = sorted(one["took"] for one in students)
        print(*problems, f"{len(students)} students, {len(problems)} not as expected; seconds each: median "
                         f"{took[len(took) // 2]:.0f}, longest {took[-1]:.0f}", sep="\n")
        sys.exit(1 if problems else 0)
    made = write(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else WHOLE)
    print(f"{len(made)} hand-ins in {sys.argv[1]}")


if __name__ == "__main__":
    main()
