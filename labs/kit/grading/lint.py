"""Owns `lab lint`, the part that needs no cluster: what a lab's folder lacks. Pure but for reading the folder."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter

from labs.kit.folder import HOLE, Lab
from labs.kit.words import LANGUAGES, flatten, read_toml

FEWEST_WRONG = 8
LONGEST_NAME = 32
MOST_MINUTES = 40
LONG_LABS = ("15-capstone",)
HINTS = 3


def lint(lab: Lab, seeds: int = 20) -> list[str]:
    """What is wrong with it, a sentence each."""
    found = _languages(lab) + _texts(lab) + _questions(lab) + _hints(lab) + _wrong(lab) + _values(lab, seeds)
    found += list(dict.fromkeys(_unfilled(lab))) + list(_given_away(lab))
    points = lab.checks().max_points + int(lab.table["predicted_points"])
    found += [] if lab.draft else todos(lab)
    found += [f"its checks and predictions make {points} points, not 20"] if points != 20 else []
    if int(lab.table["minutes"]) > MOST_MINUTES and lab.id not in LONG_LABS:
        found.append(f"{lab.table['minutes']} minutes are more than {MOST_MINUTES}")
    return found


def _languages(lab: Lab) -> list[str]:
    keys = {lang: set(flatten(read_toml(lab.path / f"lab.{lang}.toml"))) for lang in LANGUAGES}
    every = set().union(*keys.values())
    found = [f"lab.{lang}.toml lacks {key}" for lang in LANGUAGES for key in sorted(every - keys[lang])]
    return found + [f"{key} has the holes {', '.join(sorted(here)) or '–'} in {LANGUAGES[0]}, "
                    f"{', '.join(sorted(there)) or '–'} in {LANGUAGES[1]}"
                    for key, here, there in _holes(lab) if here != there]


def _holes(lab: Lab) -> Iterator[tuple[str, set[str], set[str]]]:
    """By text, the names in its holes in both languages."""
    first, second = (flatten(read_toml(lab.path / f"lab.{lang}.toml")) for lang in LANGUAGES)
    for key in sorted(first.keys() & second.keys()):
        yield key, holes_of(first[key]), holes_of(second[key])


def holes_of(text: str) -> set[str]:
    """The names in its holes; `{{` is no hole. What is no text with holes has the hole "?"."""
    try:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {"?"}


def _texts(lab: Lab) -> list[str]:
    """Every code that the lab uses has its texts."""
    checks = lab.checks()
    keys = set(flatten(read_toml(lab.path / "lab.en.toml")))
    wanted = [f"checks.{code}.{name}" for code in checks.checks for name in ("sentence", "where")]
    wanted += [f"mistakes.{mistake.code}" for mistake in checks.mistakes]
    wanted += [f"steps.{step.id}.{name}" for step in lab.steps for name in ("title", "goal")]
    wanted += [f"predictions.{code}.{name}" for code in lab.questions for name in ("question", "form")]
    wanted += ["title", "aim", "graded_aim", "after.0"]
    found = [f"there is no text {key}" for key in wanted if key not in keys and f"{key}.0" not in keys]
    wanted_pages = [step.id for step in lab.steps if step.rings and f"steps.{step.id}.page" not in keys]
    found += [f"the pager rings at step {step} and says nothing" for step in wanted_pages]
    used = {code for step in lab.steps for code in (*step.checks, *step.also)}
    found += [f"steps.toml uses check {code}, which is not declared" for code in sorted(used - set(checks.checks))]
    return found + [f"step {step.id} has neither a check nor a question" for step in lab.steps
                    if not step.checks and not step.asked]


def _questions(lab: Lab) -> list[str]:
    """Everything asked has a form and a measured answer, and something is predicted before it is seen."""
    kinds, truths = lab.table.get("predictions", {}), lab.checks().truths
    found = [f"question {code} has no kind in lab.toml" for code in lab.questions if code not in kinds]
    found += [f"question {code} has no truth in checks.py" for code in lab.questions if code not in truths]
    return found + ([] if lab.predictions else ["nothing is to be predicted"])


FILLED = ("title", "aim", "graded_aim", "steps.", "predictions.")
BY_ANSWER = ("right", "wrong")


def _unfilled(lab: Lab) -> Iterator[str]:
    """What a student reads before anything is judged: the lab's values fill every hole."""
    known = set(lab.params(None).values())
    for lang in LANGUAGES:
        for key, text in flatten(read_toml(lab.path / f"lab.{lang}.toml")).items():
            more = {"said", "truth"} if key.rpartition(".")[2] in BY_ANSWER else set()
            for hole in sorted(holes_of(text) - known - more) if key.startswith(FILLED) else ():
                yield f"lab.{lang}.toml: nothing fills {{{hole}}} in {key}"
    for step in lab.steps:
        typed = [*step.commands, *(text for item in step.happens for text in item.values())]
        for hole in sorted({hole for command in typed for hole in holes_of(command)} - known):
            yield f"steps.toml: nothing fills {{{hole}}} in step {step.id}"


def _given_away(lab: Lab) -> Iterator[str]:
    """No text that a student reads on the way holds a whole line of the solution with its values."""
    lines = {" ".join(line.split()) for line in lab.solution().splitlines() if not line.startswith(("#", "@"))}
    secret = {line for line in lines if "{" in line or " --" in line}
    for lang in LANGUAGES:
        for key, text in flatten(read_toml(lab.path / f"lab.{lang}.toml")).items():
            if not key.startswith("after.") and any(line in " ".join(text.split()) for line in secret):
                yield f"{lang}: {key} holds a line of the solution"


def _hints(lab: Lab) -> list[str]:
    found = []
    for lang in LANGUAGES:
        steps = read_toml(lab.path / f"lab.{lang}.toml").get("steps", {})
        for step in lab.steps:
            hints = steps.get(step.id, {}).get("hints", [])
            if len(hints) != HINTS:
                found.append(f"{lang}: step {step.id} has {len(hints)} hints, not {HINTS}")
            if hints and any(command in hints[0] for command in step.commands):
                found.append(f"{lang}: hint 1 of step {step.id} gives the command away")
    return found


def _wrong(lab: Lab) -> list[str]:
    known = {mistake.code for mistake in lab.checks().mistakes}
    wrong = lab.wrong()
    return [f"{path.name} expects {code!r}, which no detector says"
            for code, path in wrong.items() if code not in known]


def todos(lab: Lab) -> list[str]:
    """What its author has left to do: lines marked TODO, and wrong answers that are missing. Of a draft, which may
    have them, this is for the author; of any other lab it is to be mended."""
    files = sorted(path for path in lab.path.rglob("*") if path.suffix in (".toml", ".py", ".sh"))
    found = [f"{file.relative_to(lab.path)}:{number} {line.strip().lstrip('# ')}" for file in files
             for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if "TODO" in line]
    wrong = len(lab.wrong())
    plural = "s" if wrong != 1 else ""
    return found + ([f"{wrong} wrong answer{plural}; at least {FEWEST_WRONG}"] if wrong < FEWEST_WRONG else [])


def _values(lab: Lab, seeds: int) -> list[str]:
    """Every script's holes are filled, for every seed; and names are short."""
    found = []
    scripts = {"solution.sh": lab.solution(), **{p.name: p.read_text(encoding="utf-8") for p in lab.wrong().values()}}
    for seed in [None, *(f"lint{number}" for number in range(seeds))]:
        values = lab.params(seed).values()
        found += [f"{name}: nothing fills {{{hole}}}" for name, text in scripts.items() for hole in HOLE.findall(text)
                  if hole not in values and not hole.startswith("truth_")]
        found += [f"{key} is longer than {LONGEST_NAME} characters: {value}" for key, value in values.items()
                  if isinstance(value, str) and key in ("service", "network") and len(value) > LONGEST_NAME]
    return list(dict.fromkeys(found))
