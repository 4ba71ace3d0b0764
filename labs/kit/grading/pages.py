"""Owns the HTML reports: a page a student, and the class as a table of checks. One file each, nothing from outside.

Everything that comes from a hand-in is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from labs.kit.grading.writers import explained, grade, words_for
from labs.kit.judge import SIGNS
from labs.kit.told import told
from labs.kit.words import Words

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#222}
table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
.passed{background:#d7f0dc}.failed{background:#f8d4d0}.waiting,.converging{background:#eee}.error{background:#fde9b0}
td.c{text-align:center}div{overflow-x:auto}"""


def _page(title: str, body: str, lang: str = "en") -> str:
    return (f'<!doctype html>\n<html lang="{lang}"><meta charset="utf-8"><meta name="viewport" '
            f'content="width=device-width"><title>{escape(title)}</title><style>{_STYLE}</style>'
            f"<h1>{escape(title)}</h1>{body}</html>\n")


def _score(one: Mapping[str, Any]) -> str:
    found = grade(one)
    return words_for(one)("report.no_score") if found == "" else f"{found}/{one['max_score']}"


def student_page(one: Mapping[str, Any]) -> str:
    """One student's judgement, in full, in the language of the grading."""
    words = words_for(one)
    rows = "".join(_row(check, words) for check in one["checks"])
    notes = "".join(f"<li>{escape(told(str(note), words))}</li>" for note in one["notes"])
    problem = f"<p>{escape(told(str(one['problem']), words))}</p>" if one.get("problem") else ""
    head = "".join(f"<th>{words('report.' + name)}" for name in ("state", "check", "points", "why"))
    return _page(f"{one['student']} · {one['lab']}", f"<p><b>{_score(one)}</b></p>{problem}<ul>{notes}</ul>"
                 f"<div><table><tr>{head}</tr>{rows}</table></div>", words.lang)


def _row(check: Mapping[str, Any], words: Words) -> str:
    status = check["status"]
    why = "" if status == "passed" else explained(check, words)
    return (f'<tr class="{escape(status)}"><td>{SIGNS.get(status, "?")} {escape(words(f"state.{status}"))}</td>'
            f'<td>{escape(check["sentence"])}</td><td>{check["points"]}/{check["max_points"]}</td>'
            f"<td>{escape(why)}</td></tr>")


def class_page(found: Iterable[Mapping[str, Any]], names: Iterable[str]) -> str:
    """Checks × students, signs as well as colours; below, how many passed each check: where the class struggles."""
    rows = list(zip(found, names, strict=True))
    titles = {check["id"]: check["sentence"] for one, _ in rows for check in one["checks"]}
    head = "".join(f'<th title="{escape(title)}">{escape(code)}' for code, title in titles.items())
    body = ""
    for one, name in rows:
        states = {check["id"]: check for check in one["checks"]}
        body += (f'<tr><td><a href="students/{escape(name)}.html">{escape(one["student"])}</a><td>{_score(one)}'
                 + "".join(_cell(states.get(code)) for code in titles))
    judged = [one for one, _ in rows if one["checks"]]
    share = "".join(_share(code, judged) for code in titles)
    scores = [one["score"] for one, _ in rows if grade(one) != ""]
    mean = f"{sum(scores) / len(scores):.1f}" if scores else "–"
    return _page("Class", f"<p>{len(rows)} hand-ins, mean {mean}</p><div><table><tr><th>Student<th>Score{head}</tr>"
                          f"{body}<tr><th>passed<th>{len(judged)} judged{share}</table></div>")


def _share(code: str, judged: list[Mapping[str, Any]]) -> str:
    """How many of the judged passed a check, the paler the fewer."""
    passed = sum(check["id"] == code and check["status"] == "passed" for one in judged for check in one["checks"])
    return f'<td class="c" style="background:rgba(46,160,67,{passed / len(judged):.2f})">{passed}'


def _cell(check: Mapping[str, Any] | None) -> str:
    if check is None:
        return '<td class="c">'
    return (f'<td class="c {escape(check["status"])}" title="{escape(check["sentence"])}">'
            f'{SIGNS.get(check["status"], "?")}')
