"""Owns `lab run` and `lab check` from end to end: start, guide or solution, judgement, exit status."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable

from labs.kit import tmux
from labs.kit.checks import GraderError
from labs.kit.folder import Lab
from labs.kit.guide import Guide
from labs.kit.judge import PASSED, Result, exit_code, score
from labs.kit.outside import OUTSIDE, own_shell
from labs.kit.play import Player, StepNotDone
from labs.kit.referee import Referee, settle
from labs.kit.report import failure_block, status_line
from labs.kit.results import as_json as results_as_json
from labs.kit.screen import answer_word
from labs.kit.session import open_session
from labs.kit.style import Line, paint
from labs.kit.terminal import alternate_screen, colour_wanted, raw_keys, width
from labs.kit.told import told
from labs.kit.transcript import Transcript
from labs.kit.typist import ShellStopped, Typist, student_shell
from labs.kit.words import Words, kit_words
from topologies import clusters

FAULT, USAGE = 3, 2
SETTLE_SECONDS = 30.0
ACT_TRIES = 2
OVER_IT = "\x1b[A\x1b[K"
"""In place of what tmux says of its own end: nobody asked for a server."""


def run_lab(
    lab: Lab, name: str, lang: str, seed: str | None, *, solve: bool, plain: bool, challenge: bool = False,
) -> int:
    """One run of a lab, from nothing to nothing. The exit status."""
    words = lab.words(lang, lab.params(seed))
    if name in {cluster.name for cluster in clusters.running()}:
        print("lab: " + words("cli.running", name=name), file=sys.stderr)
        return USAGE
    if not solve and not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("lab: " + words("cli.terminal_needed"), file=sys.stderr)
        return USAGE
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, _leave)
    try:
        with open_session(lab, name, seed, _say(words, plain), scratch=solve, challenge=challenge) as referee:
            _progress_line("", plain)
            print(words("given.ready", seconds=f"{time.monotonic() - started:.1f}"), flush=True)
            return _solve(referee, words, plain) if solve else _guided(referee, words, plain)
    except GraderError as error:
        print(f"\nlab: {told(str(error), words)}", file=sys.stderr)
        return FAULT


def _leave(number: int, frame: object) -> None:
    """A closed terminal and a polite kill end the sandbox as quitting does."""
    raise SystemExit(128 + number)


def _say(words: Words, plain: bool) -> Callable[[str], None]:
    return lambda key: _progress_line(words(key), plain)


def _progress_line(text: str, plain: bool) -> None:
    if plain or not sys.stderr.isatty():
        if text:
            print(f"{text} …", file=sys.stderr, flush=True)
    else:
        sys.stderr.write(f"\r\x1b[K{text}" + (" …" if text else ""))
        sys.stderr.flush()


def _guided(referee: Referee, words: Words, plain: bool) -> int:
    name = referee.eyes.cluster.name
    notice = words("given.again") if referee.progress.step else ""
    if plain or not tmux.available() or os.environ.get("TERM", "dumb") == "dumb":
        if not tmux.available():
            notice = words("cli.tmux_missing", option=_option(referee)) + " " + notice
        return show_guide(referee, words, plain=plain, tmux=False, notice=notice)
    guide = [sys.executable, "-m", "labs.kit.cli", "_guide", name, "--lang", words.lang, "--tmux", "--notice", notice]
    host = referee.eyes.managers[0]
    shell = student_shell(referee.eyes.cluster, host, words.lang)
    tmux.run(referee.eyes.cluster.outside, guide, shell, host, os.environ, shutil.get_terminal_size().columns)
    print(OVER_IT + words(_farewell(referee)))
    return 0


def _farewell(referee: Referee) -> str:
    return "screen.keep_exam" if referee.lab.exam else "screen.keep"


def _option(referee: Referee) -> str:
    name = referee.eyes.cluster.name
    return "" if len(clusters.running()) == 1 else f" --name {name}"


def show_guide(referee: Referee, words: Words, *, plain: bool, tmux: bool, notice: str) -> int:
    """The guide on this terminal until the student quits."""
    from labs.kit import tmux as panes

    cluster = referee.eyes.cluster

    def open_shell(host: str) -> None:
        shell = own_shell(words.lang, cluster.name) if host == OUTSIDE else student_shell(cluster, host, words.lang)
        panes.open_shell(cluster.outside, shell, host)

    hint = "" if tmux else words("cli.shell_elsewhere", host=referee.eyes.managers[0], option=_option(referee))
    guide = Guide(referee, words, plain=plain, colour=colour_wanted(os.environ, sys.stdout.isatty(), plain),
                  open_terminal=open_shell if tmux else None,
                  notice=" ".join(part for part in (notice, hint) if part))
    with raw_keys(sys.stdin.fileno()), alternate_screen():
        guide.run()
    print(words(_farewell(referee)) if not guide.screen.notice else guide.screen.notice)
    return 0


def _solve(referee: Referee, words: Words, plain: bool) -> int:
    colour = colour_wanted(os.environ, sys.stdout.isatty(), plain)
    show = _write if sys.stdout.isatty() else Transcript(_write).show
    typist = Typist(referee.eyes.cluster, show, words.lang)
    player = Player(referee, typist, on_step=_step_printer(referee, words, colour),
                    on_prediction=lambda code, answer: _print_prediction(words, code, answer),
                    on_results=_result_printer(referee, words, plain, colour))
    try:
        player.play(referee.lab.solution())
    except StepNotDone as stuck:
        _print_results(referee, stuck.results, words, plain, colour)
    except ShellStopped as stopped:
        print(f"\nlab: {stopped}", file=sys.stderr)
        return FAULT
    finally:
        typist.close()
    print("\n\n" + words("screen.inspecting"))
    return print_results(referee, judge_now(referee, final=True), words, as_json=False, plain=plain)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _step_printer(referee: Referee, words: Words, colour: bool) -> Callable[[int], None]:
    def on_step(number: int) -> None:
        step = referee.lab.steps[number]
        title = words("cli.solve_step", number=number + 1, count=len(referee.lab.steps),
                      title=words(f"steps.{step.id}.title"))
        print(f"\n\n── {title} " + "─" * max(0, 60 - len(title)), flush=True)

    return on_step


def _print_prediction(words: Words, code: str, answer: str) -> None:
    print(f"{code}  {words(f'predictions.{code}.question')}  → {answer_word(answer, words)}", flush=True)


def _result_printer(referee: Referee, words: Words, plain: bool, colour: bool) -> Callable[[list[Result]], None]:
    def on_results(results: list[Result]) -> None:
        goal = referee.goal(referee.lab.steps[referee.progress.step])
        print()
        for result in results:
            _print(status_line(result, words, goal, width(), plain=plain), colour)

    return on_results


def judge_now(referee: Referee, *, final: bool) -> list[Result]:
    """Everything, in the present state, once nothing is under way any more. What the grader itself has to do comes
    last, and a second time where it did not go well: a check that was judged before is not touched by that."""
    results = _settled(referee)
    for turn in range(ACT_TRIES if final else 0):
        if not _may_act(results):
            break
        if turn:
            _settled(referee)
        known = [result for result in results if not result.perturb or result.status == PASSED]
        results = referee.judge_all(perturb=True, known=known)
    return results


def _settled(referee: Referee) -> list[Result]:
    within = max(SETTLE_SECONDS, referee.checks.patience)
    return settle(referee, referee.judge_all, within, threading.Event().wait)


def _may_act(results: Iterable[Result]) -> bool:
    """Is there something left for the grader to do, and all that it needs?"""
    found = list(results)
    passed = {result.code for result in found if result.status == PASSED}
    acting = [result for result in found if result.perturb and result.status != PASSED]
    return bool(acting) and all(set(result.needs) <= passed for result in acting)


def print_results(
    referee: Referee, results: list[Result], words: Words, *, as_json: bool, plain: bool,
) -> int:
    """The judgement as text or JSON; the exit status that goes with it."""
    goal = referee.last_goal
    if as_json:
        print(json.dumps(results_as_json(referee, results, words, goal), indent=2, ensure_ascii=False))
    else:
        colour = colour_wanted(os.environ, sys.stdout.isatty(), plain)
        number = referee.progress.step
        if number + 1 < len(referee.lab.steps):
            title = words(f"steps.{referee.lab.steps[number].id}.title")
            print(words("cli.step_now", number=number + 1, count=len(referee.lab.steps), title=title))
        print(words("cli.whole"))
        _print_results(referee, results, words, plain, colour)
        most = sum(result.max_points for result in results)
        print(words("cli.score", score=score(results), max=most))
    return exit_code(results)


def _print_results(referee: Referee, results: list[Result], words: Words, plain: bool, colour: bool) -> None:
    goal = referee.last_goal
    for result in results:
        _print(status_line(result, words, goal, width(), plain=plain), colour)
        if result.status in ("failed", "error"):
            _print(failure_block(result, words, goal, width(), plain=plain), colour)


def _print(lines: list[Line], colour: bool) -> None:
    for each in lines:
        print(paint(each, colour), flush=True)


__all__ = ["judge_now", "kit_words", "print_results", "run_lab", "show_guide"]
