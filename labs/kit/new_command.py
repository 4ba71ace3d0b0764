"""Owns the command `lab new`: a lab's folder from the template, which plays at once. What is left to its author is
marked TODO there; `lab lint` lists it.

Exit status: 0 made, 2 wrong usage, 3 the folder cannot be written.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

TEMPLATE = Path(__file__).with_name("template")
LONGEST_NAME = 32
"""As much as a cluster may be called: a lab's run has the lab's name."""
FIRST_FREE = 20
"""Numbers below are the course's own."""
_NAME = re.compile(r"(?:(?P<number>\d\d)-)?(?P<word>[a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
FAULT, USAGE = 3, 2


class BadName(Exception):
    """No lab can be called so; the message says why, and what would do."""


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command("new")(new)


def new(
    name: Annotated[str, typer.Argument(help="As 20-my-lab; without a number the next free one from 20 on.")],
) -> None:
    """For authors: a new lab from a template, in both languages, with a check, a solution and a wrong answer. It
    plays at once. It is made where labs of one's own are: the first folder of $LAB_PATH, else labs/ of this kit."""
    from labs.kit.folder import all_labs, places_of_labs

    place = places_of_labs()[0]
    try:
        lab_id = full_name(name, {path.name for path in all_labs()})
        make(place, lab_id)
    except (BadName, FileExistsError) as bad:
        print(f"lab: {bad}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    except OSError as error:
        print(f"lab: {place} cannot be written ({error.strerror}); say another folder with LAB_PATH=FOLDER",
              file=sys.stderr)
        raise typer.Exit(FAULT) from None
    print(f"{place / lab_id}: a lab that plays. Every TODO in it is yours.\n"
          f"  play it:           lab run {lab_id}\n"
          f"  what is left:      lab lint {lab_id} --fast\n"
          "  how it is written: docs/teaching/writing.md")


def full_name(name: str, there: set[str]) -> str:
    """`NN-word` for a lab beside those that are `there`. Raises BadName."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise BadName(f"{name!r} cannot be a lab's name: two digits and small words with hyphens, as 20-my-lab.")
    taken = {other[:2]: other for other in there}
    free = [number for number in map(str, range(FIRST_FREE, 100)) if number not in taken]
    number = found["number"] or next(iter(free), "")
    if not number:
        raise BadName(f"every number from {FIRST_FREE} to 99 is taken: choose one yourself, NN-{name}")
    if name in there:
        raise BadName(f"{name} is there already.")
    if number in taken:
        raise BadName(f"the number {number} is taken by {taken[number]}: labs are also called by their number alone.")
    whole = f"{number}-{found['word']}"
    if len(whole) > LONGEST_NAME:
        raise BadName(f"{whole!r} has {len(whole)} characters; at most {LONGEST_NAME} are allowed.")
    return whole


def make(place: Path, lab_id: str) -> Path:
    """The template as a lab of this name below `place`. Raises FileExistsError, OSError."""
    target = place / lab_id
    if target.exists():
        raise FileExistsError(f"{target} is there already")
    values = {"@ID@": lab_id, "@ORDER@": str(int(lab_id[:2])), "@TITLE@": lab_id[3:].replace("-", " ")}
    for source in sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        text = source.read_text(encoding="utf-8")
        for hole, value in values.items():
            text = text.replace(hole, value)
        file = target / source.relative_to(TEMPLATE)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return target
