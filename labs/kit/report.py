"""Owns how judged checks read: a line for each, and the block that explains a failure. Pure text from results.

The block is the most important of the product: what was expected, what was found, where we looked, and one
sentence each on what is wrong, why it matters, and the way; never the command itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from labs.kit.judge import CONVERGING, ERROR, FAILED, PASSED, SIGNS, WAITING, Result
from labs.kit.style import SIGN_STYLES, Line, Span, line, spread, wrapped
from labs.kit.told import told
from labs.kit.words import Words

TODO = "todo"
"""How a failed check is shown before the student has done anything: nothing went wrong yet."""


def sentence(result: Result, words: Words, goal: int) -> str:
    """What the check asserts."""
    return words(f"checks.{result.code}.sentence", goal=goal) if f"checks.{result.code}.sentence" in words else (
        words("check.look"))


def status_line(
    result: Result, words: Words, goal: int, width: int, *, plain: bool, todo: bool = False,
) -> list[Line]:
    """`✓ sentence      remark`, wrapped where it is narrow."""
    shown = TODO if todo and result.status == FAILED else result.status
    sign = words(f"state.{shown}") + ":" if plain else ("–" if shown == TODO else SIGNS[shown])
    style = "dim" if shown == TODO else SIGN_STYLES[shown]
    remark = _remark(result, words, shown)
    text = sentence(result, words, goal)
    left = line("  ", Span(sign, style), f" {text}")
    right = line(Span(remark + " ", "dim"))
    whole = spread(left, right, width)
    if len(whole) > len(left) or (not remark and sum(len(span.text) for span in left) <= width):
        return [whole]
    first, *others = wrapped(text, width, first=" " * (len(sign) + 3))
    head = line("  ", Span(sign, style), " " + first[0].text.strip())
    return [head, *others, *(wrapped(remark, width, "dim", first="      ") if remark else [])]


def _remark(result: Result, words: Words, shown: str) -> str:
    if shown == CONVERGING and result.expected is None:
        return words("remark.held", left=f"{max(0.0, result.left):.0f}")
    if shown == CONVERGING:
        return words("remark.converging", actual=result.actual if result.actual is not None else "",
                     expected=result.expected if result.expected is not None else "",
                     elapsed=f"{result.elapsed:.1f}", left=f"{max(0.0, result.left):.0f}")
    if shown == WAITING:
        return words("remark.perturb") if result.perturb else words("remark.waiting")
    if shown == TODO:
        return words("remark.todo")
    if shown == ERROR:
        return words("remark.error")
    if result.points < 0:
        return f"{result.code} · −{-result.points}"
    return f"{result.code} · {result.points}/{result.max_points}" if result.max_points else ""


def failure_block(result: Result, words: Words, goal: int, width: int, *, plain: bool = False) -> list[Line]:
    """Expected, found, where, and the words for the mistake if it was recognised."""
    if result.status == ERROR:
        why = told(result.error.strip().splitlines()[-1], words) if result.error else "–"
        return [*wrapped(words("error.ours"), width, "bad", first="    "),
                *wrapped(why, width, "dim", first="    ")]
    rows: list[Line] = []
    for name in ("expected", "actual", "where"):
        label = words(f"block.{name}")
        rows += wrapped(filled(result, words, name, goal), width, first=f"    {label:<9} ")
    if result.mistake:
        rows += the_way(result, words, goal, width, plain=plain)
    code = f"code {result.mistake} · " if result.mistake else ""
    if code or result.max_points:
        rows += wrapped(f"{code}{result.code} · {result.points}/{result.max_points}", width, "dim", first="    ")
    return rows


def the_way(result: Result, words: Words, goal: int, width: int, *, plain: bool = False) -> list[Line]:
    """What is said to the recognised mistake: all that a failure says where there is room for nothing else."""
    text = words(f"mistakes.{result.mistake}", **result.mistake_facts)
    arrow = "" if plain else "→ "
    return wrapped(text, width, "bad", first=f"    {arrow}", rest="    " + " " * len(arrow))


def filled(result: Result, words: Words, name: str, goal: int) -> str:
    """The check's text of this name (expected, actual, where) with what was found in its holes."""
    facts = {**result.facts, "goal": goal, "expected": result.expected, "actual": result.actual}
    return words.fill(f"checks.{result.code}.{name}", facts)


def first_failure(results: Iterable[Result]) -> Result | None:
    """The one to explain: the grader's faults first, then the first that failed."""
    found = list(results)
    for status in (ERROR, FAILED):
        for result in found:
            if result.status == status:
                return result
    return None


def all_passed(results: Iterable[Result]) -> bool:
    return all(result.status == PASSED for result in results)
