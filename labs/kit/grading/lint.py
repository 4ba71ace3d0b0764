"""Owns `lab lint`, the part that needs no cluster: what a lab's folder lacks. Pure but for reading the folder."""

from __future__ import annotations

from labs.kit.folder import Lab
from labs.kit.play import HOLE
from labs.kit.words import LANGUAGES, flatten, read_toml

FEWEST_WRONG = 8
LONGEST_NAME = 32
MOST_MINUTES = 40
LONG_LABS = ("15-capstone",)
HINTS = 3


def lint(lab: Lab, seeds: int = 20) -> list[str]:
    """What is wrong with it, a sentence each."""
    found = _languages(lab) + _texts(lab) + _hints(lab) + _wrong(lab) + _values(lab, seeds)
    points = lab.checks().max_points + int(lab.table["predicted_points"])
    found += [f"its checks and predictions make {points} points, not 20"] if points != 20 else []
    if int(lab.table["minutes"]) > MOST_MINUTES and lab.id not in LONG_LABS:
        found.append(f"{lab.table['minutes']} minutes are more than {MOST_MINUTES}")
    return found


def _languages(lab: Lab) -> list[str]:
    keys = {lang: set(flatten(read_toml(lab.path / f"lab.{lang}.toml"))) for lang in LANGUAGES}
    every = set().union(*keys.values())
    return [f"lab.{lang}.toml lacks {key}" for lang in LANGUAGES for key in sorted(every - keys[lang])]


def _texts(lab: Lab) -> list[str]:
    """Every code that the lab uses has its texts."""
    checks = lab.checks()
    keys = set(flatten(read_toml(lab.path / "lab.en.toml")))
    wanted = [f"checks.{code}.{name}" for code in checks.checks for name in ("sentence", "where")]
    wanted += [f"mistakes.{mistake.code}" for mistake in checks.mistakes]
    wanted += [f"steps.{step.id}.{name}" for step in lab.steps for name in ("title", "goal")]
    wanted += [f"predictions.{code}.{name}" for code in lab.questions for name in ("question", "form")]
    wanted += ["title", "aim", "after.0"]
    found = [f"there is no text {key}" for key in wanted if key not in keys and f"{key}.0" not in keys]
    used = {code for step in lab.steps for code in step.checks}
    found += [f"steps.toml uses check {code}, which is not declared" for code in sorted(used - set(checks.checks))]
    return found + [f"step {step.id} has neither a check nor a question" for step in lab.steps
                    if not step.checks and not step.asked]


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
    found = [f"{path.name} expects {code!r}, which no detector says"
             for code, path in wrong.items() if code not in known]
    return found + ([f"{len(wrong)} wrong answers; at least {FEWEST_WRONG}"] if len(wrong) < FEWEST_WRONG else [])


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
