"""Owns the commands submit and grade. Says what it says; the work is elsewhere in this package."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Put the commands into `app`."""
    app.command("grade")(grade)
    app.command("submit")(submit)


def submit(
    student: Annotated[str, typer.Argument(help="Your name, as your teacher knows it.")],
    name: Annotated[str, typer.Option("--name", help="Which running lab, when there are several.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")] = "",
) -> None:
    """Make the hand-in of the running lab: one file, with the commands typed on its hosts and your answers."""
    from labs.kit.grading.literals import answered
    from labs.kit.grading.submit import pack, typed
    from labs.kit.incidents import rung
    from labs.kit.results import as_json
    from labs.kit.running import judge_now
    from labs.kit.session import NoLab, join_session
    from labs.kit.words import language

    if os.environ.get("SWARM_HOST"):
        print("lab: type this outside of the hosts", file=sys.stderr)
        raise typer.Exit(2)
    try:
        referee = join_session(name or None)
        words = referee.lab.words(language(lang or None, os.environ), referee.params)
    except (NoLab, ValueError) as error:
        print(f"lab: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    cluster = referee.eyes.cluster
    results = as_json(referee, judge_now(referee, final=False), words, referee.last_goal)
    commands = typed(cluster.run_dir, [host.name for host in cluster.hosts], referee.store.every_event)
    meant = answered(referee.progress.said, referee.world)
    target = Path(f"{file_names([student])[0]}.swlab")
    target.write_bytes(pack(student, results, referee.progress.said, commands, cluster.outside, meant))
    count = sum(not rung(one.host, one.line) for one in commands)
    print(words("cli.submitted", file=target, count=count))


def grade(
    paths: Annotated[list[Path], typer.Argument(help="Hand-ins (.swlab, scripts), folders, or a Moodle zip.")],
    jobs: Annotated[int, typer.Option("-j", "--jobs", help="How many at a time; one a CPU by default.")] = 0,
    lab: Annotated[str, typer.Option("--lab", help="Which lab; needed for scripts.")] = "",
    seed: Annotated[str, typer.Option("--seed", help="Whose values, for scripts; else the guided ones.")] = "",
    out: Annotated[Path, typer.Option("--out", help="Where the reports go.")] = Path("grades"),
    lang: Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")] = "",
) -> None:
    """Replay each hand-in in a fresh sandbox with that student's values, inspect it, and write the reports."""
    from labs.kit.folder import UnknownLab, find_lab
    from labs.kit.grading.handin import gather
    from labs.kit.grading.pool import grade_all
    from labs.kit.words import language

    missing = [str(path) for path in paths if not path.exists()]
    try:
        name = find_lab(lab).id if lab else ""
        spoken = language(lang or None, os.environ)
    except (UnknownLab, ValueError) as error:
        missing = [f"lab {lab} ({error})"]
    if missing:
        print(f"lab: there is no {', '.join(missing)}", file=sys.stderr)
        raise typer.Exit(2)
    hand_ins = list(gather(paths))
    if not hand_ins:
        print("lab: no hand-in in " + ", ".join(map(str, paths)), file=sys.stderr)
        raise typer.Exit(2)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    at_once = jobs or os.cpu_count() or 2
    print(f"{len(hand_ins)} hand-ins, {min(at_once, len(hand_ins))} at a time …", file=sys.stderr, flush=True)
    found = grade_all(hand_ins, spoken, at_once, name, seed or None, _tell, covers=[*paths, out])
    write_all(out, found)
    print(f"→ {out}/index.html")
    raise typer.Exit(3 if any(one["status"] == "error" for one in found) else max(one["exit_code"] for one in found))


def leave(number: int, frame: object) -> None:
    """A polite kill and a closed terminal end all replays, as Ctrl-C does."""
    raise SystemExit(128 + number)


def _tell(one: Mapping[str, Any]) -> None:
    from labs.kit.grading.writers import grade as grade_of
    from labs.kit.grading.writers import mistakes, words_for
    from labs.kit.told import told

    shown = grade_of(one)
    said = [f"[{told(str(note), words_for(one))}]" for note in one["notes"]]
    why = told(one["problem"], words_for(one)) if one.get("problem") else " ".join([*mistakes(one), *said])
    print(f"{one['student']:<24} {'!' if shown == '' else shown:>3}/{one['max_score']}  {one['status']:<8} {why}"
          .rstrip(), flush=True)


def write_all(out: Path, found: list[dict[str, Any]]) -> None:
    """Every report, below `out`."""
    from labs.kit.grading import pages, writers

    (out / "students").mkdir(parents=True, exist_ok=True)
    names = file_names([one["student"] for one in found])
    for name, text in (("results.json", writers.as_json(found)), ("junit.xml", writers.junit(found)),
                       ("grades.csv", writers.table(found)), ("moodle.csv", writers.moodle(found)),
                       ("index.html", pages.class_page(found, names))):
        (out / name).write_text(text, encoding="utf-8")
    for one, name in zip(found, names, strict=True):
        (out / "students" / f"{name}.html").write_text(pages.student_page(one), encoding="utf-8")
        (out / "students" / f"{name}.gradescope.json").write_text(writers.gradescope(one), encoding="utf-8")


def file_names(students: list[str]) -> list[str]:
    """A harmless, different file name for each."""
    names: list[str] = []
    for student in students:
        base = re.sub(r"[^\w-]+", "_", student).strip("_")[:60] or "student"
        same = sum(name == base or name.startswith(f"{base}~") for name in names)
        names.append(f"{base}~{same + 1}" if same else base)
    return names
