"""Owns the course pages of the docs site, in both languages: Markdown made from the labs' own files.

A lab's page has its aim, steps, commands, predictions, hints (folded), checks and after-words, with the values of
guided mode. It never has the solution, the wrong answers or what is true of a prediction. Pure but for reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from labs.kit.checks import Check
from labs.kit.folder import Lab, Step, all_labs, read_lab
from labs.kit.notes import read_notes
from labs.kit.outside import OUTSIDE
from labs.kit.words import LANGUAGES, Words, read_toml

HERE = Path(__file__).parent
FOLDERS = {"en": "course/", "fr": "fr/course/"}
HOLE = "…"
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|])")


def labels(lang: str) -> Words:
    """The fixed words of these pages."""
    return Words(lang, read_toml(HERE / f"labels.{lang}.toml"))


def course_pages() -> dict[str, str]:
    """Every page of the course: its path in the site, and its Markdown."""
    labs = [read_lab(path) for path in all_labs()]
    pages = {}
    for lang in LANGUAGES:
        pages[f"{FOLDERS[lang]}index.md"] = index(labs, lang)
        for lab in labs:
            pages[f"{FOLDERS[lang]}{lab.id}.md"] = "\n".join(page(lab, lang)) + "\n"
    return pages


def escape(text: str) -> str:
    """Every sign means itself, as on a terminal."""
    return _SIGNS.sub(r"\\\1", text)


def plain(text: str) -> str:
    """A lab's text as one line of Markdown that shows it unchanged."""
    return escape(" ".join(text.split()))


def say(words: Words, key: str, goal: object = HOLE) -> str:
    """The text with guided values, and `goal` for a step's number; what only a running lab knows is a gap."""
    return plain(words.fill(key, {"goal": goal, "host": HOLE}))


def index(labs: list[Lab], lang: str) -> str:
    """All labs, and those to come."""
    fixed, notes = labels(lang), read_notes()
    lines = [f"# {fixed('index_title')}", "", fixed("index_intro"), ""]
    for lab in labs:
        words = lab.words(lang, lab.params(None))
        lines += [f"**[{lab.id[:2]} {say(words, 'title')}]({lab.id}.md)** · "
                  + fixed("short", minutes=lab.table["minutes"], notes=" ".join(lab.notes)),
                  f":   {say(words, 'aim')}", ""]
    coming = notes.not_yet(labs)
    if coming:
        lines += ["", f"## {fixed('coming')}", ""]
        lines += [f"- {one.id[:2]} {plain(one.title[lang])}" for one in coming]
    return "\n".join(lines) + "\n"


def page(lab: Lab, lang: str) -> Iterator[str]:
    """One lab."""
    fixed, words = labels(lang), lab.words(lang, lab.params(None))
    table = lab.table
    yield from (f"# {lab.id[:2]} · {say(words, 'title')}", "", say(words, "aim"), "",
                fixed("facts", minutes=table["minutes"], topology=f"`{table['topology']}`",
                      notes=" ".join(lab.notes) or "–"), "",
                f"**{fixed('start')}**", "", "```sh", f"./lab run {lab.id}" + (" --lang fr" if lang == "fr" else ""),
                "```", "", f"## {fixed('steps')}", "", fixed("placeholders"), "")
    for number, step in enumerate(lab.steps, 1):
        yield from _step(number, step, lab, words, fixed)
    yield from _judged(lab, words, fixed)
    if "graded_aim" in words:
        yield from (f"## {fixed('graded')}", "", fixed("graded_intro"), "", "> " + say(words, "graded_aim"), "")
    after = [f"after.{number}" for number in range(len(words.several("after")))]
    if after:
        yield from (f"## {fixed('after')}", "", *(f"- {say(words, key)}" for key in after), "")


def _step(number: int, step: Step, lab: Lab, words: Words, fixed: Words) -> Iterator[str]:
    key = f"steps.{step.id}"
    goal = _number(lab, step)
    yield from (f"### {number}. {say(words, f'{key}.title', goal)}", "", say(words, f"{key}.goal", goal), "")
    for host, typed in groupby(step.typed, key=lambda one: one[0]):
        where = fixed("outside") if host == OUTSIDE else fixed("on", host=words.expand(host))
        yield from (f'```sh title="{where}"', *(words.expand(command) for _, command in typed), "```", "")
    if f"{key}.look" in words:
        yield from (f"**{fixed('look')}** {say(words, f'{key}.look', goal)}", "")
    for title, codes in (("predict", step.predict), ("measure", step.ask)):
        if codes:
            yield from (f"**{fixed(title)}**", "", *(_question(code, words, fixed) for code in codes), "")
    hints = [f"{key}.hints.{level}" for level in range(len(words.several(f"{key}.hints")))]
    if hints:
        yield from (f'??? tip "{fixed("hints")}"', "",
                    *(f"    {level}. {say(words, hint, goal)}" for level, hint in enumerate(hints, 1)), "")


def _number(lab: Lab, step: Step) -> object:
    """What `{goal}` is at this step: the lab's value of that name."""
    return lab.params(None).values().get(step.goal, HOLE)


def _question(code: str, words: Words, fixed: Words) -> str:
    key = f"predictions.{code}"
    return f"- **{code}** {say(words, f'{key}.question')} *({fixed('form', form=say(words, f'{key}.form'))})*"


def _judged(lab: Lab, words: Words, fixed: Words) -> Iterator[str]:
    yield from (f"## {fixed('judged')}", "", fixed("judged_intro"), "", *check_table(lab, words, fixed), "")


def check_table(lab: Lab, words: Words, fixed: Words) -> Iterator[str]:
    """The graded checks of a lab: id, sentence, points and where each looks."""
    yield f"| {fixed('check')} | {fixed('fact')} | {fixed('points')} | {fixed('where')} |"
    yield "| --- | --- | --- | --- |"
    goal = lab.params(None).get("target", HOLE)
    for check in lab.checks().checks.values():
        yield _check(check, words, goal if check.points else HOLE)
    predicted = int(lab.table.get("predicted_points", 0))
    if predicted:
        yield f"| `p` | {say(words, 'checks.p.sentence')} | {predicted} | {say(words, 'checks.p.where')} |"


def _check(check: Check, words: Words, goal: object) -> str:
    key = f"checks.{check.code}"
    return (f"| `{check.code}` | {say(words, f'{key}.sentence', goal)} | {check.points or '–'} | "
            f"{say(words, f'{key}.where')} |")
