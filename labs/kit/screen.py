"""Owns the guide's screen: a pure function from what is known to lines of styled text. No terminal, no cluster.

The menu at the bottom is truthful: it is made from `allowed_keys`, and those keys are the ones that work.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labs.kit.comparing import render_comparison
from labs.kit.folder import Lab, Step
from labs.kit.judge import CONVERGING, PASSED, Result
from labs.kit.outside import OUTSIDE
from labs.kit.picture import Column, lines_of, render
from labs.kit.report import all_passed, failure_block, first_failure, status_line, the_way
from labs.kit.solution import Comparison
from labs.kit.style import Line, Span, length, line, rule, spread, wrapped
from labs.kit.words import Words

WATCH, HELP, LIST, ASK_RESET, ANSWER, COMPARE = "watch", "help", "list", "ask_reset", "answer", "compare"
HINT_LEVELS = 3
HEAD = 2
"""Lines of the header: they are always there."""

FULL, DENSE, NEWEST_HINT, NO_PICTURE, OPEN_CHECKS, THE_WAY, NO_COMMANDS = range(7)
"""What a low terminal leaves out, each with all before it: blank lines and cards, earlier hints, the picture and
what the lab is for, checks that have passed, what to look for and what was found where a
mistake is named, and there the commands, too: they have been typed."""


@dataclass
class Screen:
    """All that the screen shows."""

    lab: Lab
    step: int = 0
    minutes: int = 0
    earned: int = 0
    max_points: int = 20
    goal: int = 0
    results: list[Result] = field(default_factory=list)
    picture: tuple[Column, ...] = ()
    hint_level: int = 0
    said: dict[str, str] = field(default_factory=dict)
    truths: dict[str, str] = field(default_factory=dict)
    mode: str = WATCH
    asking: str = ""
    typed: str = ""
    notice: str = ""
    checking: bool = False
    untouched: bool = True
    finished: bool = False
    inspected: list[Result] = field(default_factory=list)
    seed: str | None = None
    tmux: bool = False
    away: bool = False
    """The keyboard is in another pane."""
    option: str = ""
    plain: bool = False
    open_steps: tuple[int, ...] = ()
    """The steps whose reference solution may be seen."""
    compared: Comparison | None = None
    challenge: bool = False
    """Goals alone: commands and what to look at stay hidden until they are asked for."""
    shown: frozenset[str] = frozenset()
    """The steps whose commands were asked for."""
    hints_seen: int = 0

    @property
    def now(self) -> Step:
        return self.lab.steps[self.step]

    @property
    def to_type(self) -> list[tuple[str, str]]:
        """What may be shown to be typed here: nothing with a seed's values, in a challenge what was asked for."""
        hidden = self.seed is not None or self.challenge and self.now.id not in self.shown
        return [] if hidden else self.now.typed

    @property
    def last(self) -> bool:
        return self.step == len(self.lab.steps) - 1

    @property
    def unanswered(self) -> str:
        """The next prediction or question of this step to be answered, or ""."""
        return next((code for code in self.now.asked if code not in self.said), "")

    @property
    def question(self) -> str:
        """What may be answered now: the next one without an answer; while something fails, also what was read wrong.
        A prediction stays as it was made."""
        wrong = [code for code in self.now.ask if self.said.get(code) != self.truths.get(code)]
        failed = any(result.status == "failed" for result in self.results)
        return self.unanswered or (wrong[0] if wrong and failed else "")

    @property
    def done(self) -> bool:
        """May one go on? On the last step: may the final inspection start?"""
        if self.unanswered:
            return False
        if not self.now.checks:
            return bool(self.now.asked)
        open_ = [result for result in self.results if keeps_open(result, self.now)]
        return bool(open_) and all_passed(open_)


def result_waits_for_inspection(result: Result) -> bool:
    """The grader's own action comes last, when the student asks for it."""
    return result.perturb and result.status == "waiting"


def keeps_open(result: Result, step: Step) -> bool:
    """Does the step wait for this one?"""
    return result.code not in step.also and not result_waits_for_inspection(result)


def allowed_keys(screen: Screen) -> list[str]:
    """The keys that do something now, in the order of the menu."""
    if screen.mode == COMPARE and screen.compared:
        number = screen.compared.number
        return [*(["n"] if any(one > number for one in screen.open_steps) else []),
                *(["b"] if any(one < number for one in screen.open_steps) else [])]
    if screen.mode != WATCH or screen.checking:
        return []
    keys = ["n"] if screen.done and not screen.finished else []
    keys += ["h"] if screen.hint_level < HINT_LEVELS and not screen.done else []
    keys += ["c"] if screen.challenge and screen.seed is None and screen.to_type != screen.now.typed else []
    keys += ["p"] if screen.question and not screen.finished else []
    keys += ["s"] if screen.open_steps else []
    keys += ["t"] if screen.tmux and screen.now.on else []
    return [*keys, "l", "x", "?", "q", *(["F2"] if screen.tmux and not screen.away else [])]


def render_screen(screen: Screen, words: Words, width: int, height: int = 0) -> list[Line]:
    """The whole screen, at most `width` wide and, where `height` is not 0, as high: what matters least goes first."""
    more = wrapped(words("screen.more_zoom" if screen.tmux else "screen.more"), width, "wait", first=" ")[:1]
    if screen.mode in (HELP, LIST, COMPARE):
        rows, back = _aside(screen, words, width), _back(screen, words, width)
        fits = not height or len(rows) + len(back) <= height
        return [*(rows if fits else [*rows[:height - len(back) - len(more)], *more]), *back]
    keys = [rule(width), *_menu(screen, words, width)]
    for room in (FULL, DENSE, NEWEST_HINT, NO_PICTURE, OPEN_CHECKS, THE_WAY, NO_COMMANDS):
        shown, said = _shown(screen, words, width, room), _said(screen, words, width, room)
        if not height or len(shown) + len(said) + len(keys) <= height:
            return [*shown, *said, *keys]
    free = height - len(keys) - len(more)
    if free - len(said) > HEAD:
        return [*shown[:free - len(said)], *more, *said, *keys]
    return [*shown[:HEAD], *said[:free - HEAD], *more, *keys]


def _shown(screen: Screen, words: Words, width: int, room: int) -> list[Line]:
    """What is to be done, the picture, and the checks."""
    rows = [_header(screen, words, width), rule(width), *_task(screen, words, width, room)]
    if room < NO_PICTURE:
        rows += [*([[]] if room == FULL else []), *_picture(screen, words, width, room)]
    return [*rows, rule(width)] + _checks(screen, words, width, room)


def _said(screen: Screen, words: Words, width: int, room: int) -> list[Line]:
    """What is said to the student."""
    rows = _predictions(screen, words, width) + _hints(screen, words, width, newest=room >= NEWEST_HINT)
    return rows + _ending(screen, words, width)


def _picture(screen: Screen, words: Words, width: int, room: int) -> list[Line]:
    cards = render(screen.picture, words, width, screen.plain)
    return cards if room == FULL else min(cards, lines_of(screen.picture, words, width, screen.plain), key=len)


def _header(screen: Screen, words: Words, width: int) -> Line:
    step = words("screen.step", number=screen.step + 1, count=len(screen.lab.steps))
    minutes = words("screen.minutes", minutes=screen.minutes)
    right = line(f"{step} · {minutes} · ", Span(f"{screen.earned}/{screen.max_points} ", "title"))
    points = Span(f"{screen.earned}/{screen.max_points} ", "title")
    short = line(f"{screen.step + 1}/{len(screen.lab.steps)} · ", points)
    mode = f" · {words('screen.challenge')}" if screen.challenge else ""
    left = line(" ", Span(f"{screen.lab.id} · {words('title')}{mode}", "title"))
    whole = spread(left, right, width)
    return whole if len(whole) > len(left) else spread(left, short, width)


def _task(screen: Screen, words: Words, width: int, room: int) -> list[Line]:
    key = f"steps.{screen.now.id}"
    rows = wrapped(words(f"{key}.title"), width, "title", first=" ")
    alone = screen.seed is not None or screen.challenge
    if not alone and screen.step == 0 and room < NO_PICTURE:  # who begins asks what all of it is for
        rows = [*wrapped(words("screen.aim") + " " + words("aim"), width, "info", first=" "), *rows]
    if alone:
        rows += wrapped(words("graded_aim"), width, first=" ")
    if screen.now.rings:
        rows += wrapped(words("screen.page") + " " + words(f"{key}.page"), width, "wait", first=" ")
    rows += wrapped(words("screen.goal") + " " + words(f"{key}.goal"), width, first=" ")
    if not (room >= NO_COMMANDS and any(result.mistake for result in screen.results)):
        rows += [row for host, command in screen.to_type for row in _command(host, command, words, width)]
    if f"{key}.look" in words and not screen.challenge and room < THE_WAY:
        rows += wrapped(words("screen.look") + " " + words(f"{key}.look"), width, "dim", first=" ")
    return rows


def _command(host: str, command: str, words: Words, width: int) -> list[Line]:
    where = words("screen.outside") if host == OUTSIDE else words("screen.on", host=words.expand(host))
    text = words.expand(command)
    if len(where) + len(text) + 7 <= width:
        return [line(f"   {where}   ", Span(text, "command"))]
    return [line(f"   {where}"), *wrapped(text, width, "command", first="     ", rest="       ")]


def _checks(screen: Screen, words: Words, width: int, room: int) -> list[Line]:
    results = screen.inspected or screen.results
    rows = [row for result in results if room < OPEN_CHECKS or result.status != PASSED
            for row in status_line(result, words, screen.goal, width, plain=screen.plain, todo=screen.untouched)]
    failure = first_failure(results)
    if failure and (failure.status == "error" or not screen.untouched):
        block = the_way if room >= THE_WAY and failure.mistake else failure_block
        rows += block(failure, words, screen.goal, width, plain=screen.plain)
    return rows


def _predictions(screen: Screen, words: Words, width: int) -> list[Line]:
    rows: list[Line] = []
    for code in () if screen.finished else screen.now.asked:
        rows += wrapped(words(f"predictions.{code}.question"), width, first=f" {code} ", style="title")
        if code in screen.said:
            rows += wrapped(words("screen.typed", answer=answer_word(screen.said[code], words)), width, first="    ")
    if screen.finished or not screen.now.asked:
        rows += [row for code in screen.said if code in screen.truths and _fresh(screen, code)
                 for row in wrapped(verdict(code, screen, words), width, "info", first=f" {code} ")]
    return rows


def _fresh(screen: Screen, code: str) -> bool:
    """A prediction's outcome is told on the step that shows it and the one after."""
    asked = next(n for n, step in enumerate(screen.lab.steps) if code in step.asked)
    return 0 < screen.step - asked <= 2 or screen.finished or screen.challenge


def answer_word(answer: str, words: Words) -> str:
    """`oui` for `yes`, in French; numbers as they are."""
    return words(f"answer.{answer}") if f"answer.{answer}" in words else answer


def verdict(code: str, screen: Screen, words: Words) -> str:
    """What was said against what was measured."""
    said, truth = screen.said[code], screen.truths[code]
    key = f"predictions.{code}.{'right' if said == truth else 'wrong'}"
    return words(key, said=answer_word(said, words), truth=answer_word(truth, words))


def _hints(screen: Screen, words: Words, width: int, *, newest: bool) -> list[Line]:
    hints = list(enumerate(words.several(f"steps.{screen.now.id}.hints")[:screen.hint_level], 1))
    return [row for level, hint in (hints[-1:] if newest else hints)
            for row in wrapped(hint, width, "info", first=" " + words("screen.hint", level=level) + " ", rest="   ")]


def _ending(screen: Screen, words: Words, width: int) -> list[Line]:
    rows: list[Line] = []
    if screen.finished:
        text = words("screen.finished", score=screen.earned, max=screen.max_points)
        rows += wrapped(text, width, "good", first=" ")
        rows += wrapped(_helped(screen, words), width, "good", first=" ") if screen.challenge else []
        rows += [row for after in words.several("after") for row in wrapped(after, width, first=" ")]
    elif screen.done:
        said = "already" if screen.untouched and screen.now.commands else "done"
        if screen.last:
            said = "last_exam" if screen.lab.exam else "last"
        rows += wrapped(words(f"screen.{said}"), width, "good", first=" ")
    if screen.notice:
        rows += wrapped(screen.notice, width, "wait", first=" ")
    return rows


def _helped(screen: Screen, words: Words) -> str:
    """What help was asked for in a challenge."""
    if not screen.hints_seen and not screen.shown:
        return words("screen.challenge_alone")
    return words("screen.challenge_helped", hints=screen.hints_seen, steps=len(screen.shown))


def _menu(screen: Screen, words: Words, width: int) -> list[Line]:
    if screen.mode == ASK_RESET:
        return wrapped(words("screen.reset_ask"), width, "wait", first=" ")
    if screen.mode == ANSWER:
        form = words(f"predictions.{screen.asking}.form")
        text = words("screen.answer", form=form) + " " + screen.typed + "_"
        return wrapped(text, width, "wait", first=f" {screen.asking} ")
    if screen.checking or any(result.status == CONVERGING for result in screen.results) and not allowed_keys(screen):
        return wrapped(words("screen.checking"), width, "dim", first=" ")
    return _menu_rows(screen, words, width)


def _menu_rows(screen: Screen, words: Words, width: int) -> list[Line]:
    rows: list[Line] = [line(" ", Span("F2", "key"), words("screen.first")) if screen.away else []]
    for key in allowed_keys(screen):
        price = words("screen.hint_price") if screen.lab.exam else ""
        level = f" ({screen.hint_level + 1}/{HINT_LEVELS}{price})" if key == "h" else ""
        if key == "t" and screen.now.on != OUTSIDE:
            level = " " + words.expand(screen.now.on)
        spans = line("   " if rows[-1] else " ", Span(key, "key"), f":{words(f'key.{key}')}{level}")
        if length([*rows[-1], *spans]) > width:
            rows.append([])
            spans[0] = Span(" ")
        rows[-1] += spans
    return rows


def _help(screen: Screen, words: Words, width: int) -> list[Line]:
    lines = [row for text in words.several("help.lines") for row in wrapped(text, width, first=" ", rest="    ")]
    return [_header(screen, words, width), rule(width), *lines]


def _back(screen: Screen, words: Words, width: int) -> list[Line]:
    """The keys that do something else than going back to the step."""
    keys = _menu_rows(screen, words, width) if allowed_keys(screen) else []
    said = words("help.other_back" if keys else "help.back")
    return [rule(width), *keys, *wrapped(said, width, "dim", first=" ")]


def _aside(screen: Screen, words: Words, width: int) -> list[Line]:
    """What is looked at beside the step itself."""
    if screen.mode == COMPARE and screen.compared:
        return render_comparison(screen.compared, screen.lab, words, width)
    return (_help if screen.mode == HELP else _list)(screen, words, width)


def _list(screen: Screen, words: Words, width: int) -> list[Line]:
    rows = [_header(screen, words, width), rule(width)]
    for number, step in enumerate(screen.lab.steps):
        here = number == screen.step
        sign = "✓" if number < screen.step or screen.finished else ">" if here else " "
        style = "good" if sign == "✓" else "title" if here else ""
        rows += wrapped(f"{number + 1:>2}  {words(f'steps.{step.id}.title')}", width, style, first=f" {sign} ")
    return rows
