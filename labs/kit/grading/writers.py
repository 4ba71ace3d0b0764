"""Owns results as files for other programs: JSON, JUnit XML, CSV (generic and Moodle), Gradescope. Pure.

A grader's error is an error everywhere, with an empty grade: never a zero.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from xml.etree import ElementTree

from labs.kit.told import told
from labs.kit.words import Words, kit_words

Found = Mapping[str, Any]
_UNSAFE = ("=", "+", "-", "@", "\t")


def as_json(found: Iterable[Found]) -> str:
    """Everything, nothing shortened."""
    return json.dumps({"schema": 1, "students": list(found)}, indent=2, ensure_ascii=False) + "\n"


def junit(found: Iterable[Found]) -> str:
    """A suite a student, a case a check; `error` for what the grader could not."""
    root = ElementTree.Element("testsuites")
    for one in found:
        cases = one["checks"] or [_whole(one)]
        statuses = [case["status"] for case in cases]
        suite = ElementTree.SubElement(root, "testsuite", {
            "name": _xml(f"{one['lab']} {one['student']}"), "tests": str(len(cases)),
            "failures": str(sum(s not in ("passed", "error") for s in statuses)),
            "errors": str(statuses.count("error"))})
        for case in cases:
            _case(suite, one, case)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _whole(one: Found) -> dict[str, Any]:
    return {"id": "hand-in", "sentence": "the hand-in can be graded", "seconds": 0, "help": None,
            "status": "error" if one["status"] == "error" else "failed", "error": one.get("problem")}


def _case(suite: ElementTree.Element, one: Found, case: Found) -> None:
    element = ElementTree.SubElement(suite, "testcase", {
        "classname": _xml(f"{one['lab']}.{one['student']}"), "name": _xml(f"{case['id']}: {case['sentence']}"),
        "time": str(case["seconds"])})
    if case["status"] != "passed":
        kind = "error" if case["status"] == "error" else "failure"
        ElementTree.SubElement(element, kind, {"type": _xml(case.get("mistake") or case["status"]),
                                               "message": _xml(explained(case, words_for(one)))})


@cache
def words_of(lang: str) -> Words:
    return kit_words(lang)


def words_for(one: Found) -> Words:
    """The language that this student is told in."""
    return words_of(one.get("lang") or "en")


def explained(case: Found, words: Words) -> str:
    """Why this check did not pass, in one paragraph."""
    if case.get("error"):
        return str(case["error"])
    if case["status"] == "waiting" and case.get("needs"):
        return words("report.needs", codes=", ".join(case["needs"]))
    seen = words("report.seen", expected=case.get("expected_text") or case.get("expected"),
                 actual=case.get("actual_text") or case.get("actual"))
    return f"{case['help']} ({seen})" if case.get("help") else seen


def _xml(text: Any) -> str:
    return "".join(char if char in "\n\t" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" else "?"
                   for char in str(text))


def table(found: Iterable[Found]) -> str:
    """`student;lab;score;max;status;why` and a column a check with its points."""
    rows = list(found)
    codes = list(dict.fromkeys(check["id"] for one in rows for check in one["checks"]))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(["student", "lab", "score", "max", "status", "mistakes", *codes])
    for one in rows:
        points = {check["id"]: check["points"] if check["status"] != "error" else "!" for check in one["checks"]}
        writer.writerow([safe(one["student"]), safe(one["lab"]), grade(one), one["max_score"], one["status"],
                         " ".join(mistakes(one)), *(points.get(code, "") for code in codes)])
    return out.getvalue()


def moodle(found: Iterable[Found]) -> str:
    """For Moodle's grade import, and its grading worksheet: who, the grade, and the feedback."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["Identifier", "Full name", "Grade", "Maximum grade", "Feedback comments"])
    for one in found:
        number = one.get("participant")
        writer.writerow([f"Participant {number}" if number else "", safe(one["student"]), grade(one),
                         one["max_score"], safe(feedback(one))])
    return out.getvalue()


def gradescope(one: Found) -> str:
    """One student's results.json."""
    tests = [{"number": check["id"], "name": check["sentence"], "score": check["points"],
              "max_score": check["max_points"], "visibility": "visible", "output": "" if check["status"] == "passed"
              else explained(check, words_for(one)), "status": "passed" if check["status"] == "passed" else "failed"}
             for check in one["checks"]]
    whole = {} if grade(one) == "" else {"score": one["score"]}
    return json.dumps({**whole, "output": feedback(one), "tests": tests}, indent=2, ensure_ascii=False) + "\n"


def grade(one: Found) -> Any:
    """The grade, or nothing where the grader could not say it."""
    return "" if one["status"] == "error" else one["score"]


def mistakes(one: Found) -> list[str]:
    """The codes of the wrong ideas that were recognised."""
    return sorted({check["mistake"] for check in one["checks"] if check.get("mistake")})


def feedback(one: Found) -> str:
    """What a student is told, in lines."""
    words = words_for(one)
    if one["status"] == "error":
        return f"{words('report.error')} {told(one.get('problem') or '', words)}".strip()
    lines = [told(one["problem"], words)] if one.get("problem") else []
    lines += [f"{c['id']}: {explained(c, words)}" for c in one["checks"] if c["status"] not in ("passed", "waiting")]
    return "\n".join([*lines, *(told(str(note), words) for note in one["notes"])])


def safe(text: Any) -> str:
    """Text that a spreadsheet does not take for a formula."""
    found = str(text)
    return "'" + found if found.startswith(_UNSAFE) else found
