"""Owns the commands about labs: list, run, check, hint, predict, reset, stop, load, traffic. Says what they say.

Only Typer is imported at the top: `lab list` shall not pay for what `lab run` needs.
Exit codes: 0 all passed, 1 something failed, 2 wrong usage, 3 the machine's or the grader's fault.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from labs.kit.referee import Referee
    from labs.kit.words import Words

Lang = Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")]
Name = Annotated[str, typer.Option("--name", help="Which running lab, when there are several.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
FAILED, USAGE, FAULT = 1, 2, 3


def register(app: typer.Typer) -> None:
    """Put these commands into `app`."""
    app.command("list")(list_)
    app.command()(run)
    app.command()(check)
    app.command()(hint)
    app.command()(predict)
    app.command()(reset)
    app.command()(stop)
    app.command()(load)
    traffic = typer.Typer(no_args_is_help=True, help="Steady requests from the client.")
    traffic.command("start")(traffic_start)
    traffic.command("stop")(traffic_stop)
    traffic.command("status")(traffic_status)
    app.add_typer(traffic, name="traffic")
    probe = typer.Typer(no_args_is_help=True, help="Requests that are all kept, to see every gap.")
    probe.command("start")(probe_start)
    probe.command("stop")(probe_stop)
    probe.command("status")(probe_status)
    app.add_typer(probe, name="probe")
    app.command("_guide", hidden=True)(guide)


def _words(lang: str) -> Words:
    from labs.kit.words import kit_words, language

    try:
        return kit_words(language(lang or None, os.environ))
    except ValueError as error:
        _fail(str(error), USAGE)


def _fail(text: str, code: int) -> NoReturn:
    print(f"lab: {text}", file=sys.stderr)
    raise typer.Exit(code)


def _outside_only(command: str, words: Words) -> None:
    if os.environ.get("SWARM_HOST"):
        _fail(words("cli.outside", command=command), USAGE)


def list_(lang: Lang = "") -> None:
    """The labs, and how far you are."""
    from labs.kit.folder import all_labs, read_lab
    from labs.kit.listing import rows, table
    from labs.kit.notes import read_notes
    from labs.kit.progress import progress_file, read_progress
    from labs.kit.terminal import printed_width

    words, labs = _words(lang), [read_lab(path) for path in all_labs()]
    known = [(lab, read_progress(progress_file(lab.id), lab.id)) for lab in labs]
    for line in table(rows(known, read_notes(), words), printed_width(120)):
        print(line)


def run(
    lab: Annotated[str, typer.Argument(help="A lab's name or number: 03-scaling, 03.")],
    solve: Annotated[bool, typer.Option("--solve", help="Type the reference solution and judge it.")] = False,
    lang: Lang = "",
    plain: Annotated[bool, typer.Option("--plain", help="One screen, words instead of signs, no colour.")] = False,
    graded: Annotated[bool, typer.Option("--graded/--guided", help="Values from --seed, no commands.")] = False,
    seed: Annotated[str, typer.Option("--seed", help="Whose values, in graded mode.")] = "",
    challenge: Annotated[bool, typer.Option(
        "--challenge", help="For those who know: goals alone; hints and commands when asked for, and noted.",
    )] = False,
    name: Annotated[str, typer.Option("--name", help="What to call this run; the lab's name by default.")] = "",
) -> None:
    """Start a lab and its guide; the cluster ends when you quit."""
    from labs.kit.folder import UnknownLab, find_lab
    from labs.kit.running import run_lab

    words = _words(lang)
    _outside_only("run", words)
    if graded and not seed:
        _fail(words("cli.seed_needed"), USAGE)
    if seed and not graded:
        _fail(words("cli.seed_without"), USAGE)
    if challenge and solve:
        _fail(words("cli.challenge_solve"), USAGE)
    try:
        found = find_lab(lab)
    except UnknownLab as unknown:
        _fail(words("cli.no_lab", name=lab, labs=str(unknown)), USAGE)
    raise typer.Exit(run_lab(found, name or found.id, words.lang, seed or None, solve=solve, plain=plain,
                             challenge=challenge))


def _joined(name: str, words: Words, *, keep: bool = False) -> tuple[Referee, Words]:
    from labs.kit.session import NoLab, join_session

    try:
        referee = join_session(name or None, keep=keep)
    except NoLab as error:
        _fail(words("cli.not_a_lab", name=str(error)), USAGE)
    return referee, referee.lab.words(words.lang, referee.params)


def check(
    as_json: AsJson = False, name: Name = "", lang: Lang = "",
    plain: Annotated[bool, typer.Option("--plain", help="Words instead of signs, no colour.")] = False,
    final: Annotated[bool, typer.Option("--final", help="The grader also changes the number itself.")] = False,
) -> None:
    """Judge the running lab as it is now."""
    from labs.kit.running import judge_now, print_results

    words = _words(lang)
    _outside_only("check", words)
    referee, texts = _joined(name, words)
    raise typer.Exit(
        print_results(referee, judge_now(referee, final=final), texts, as_json=as_json, plain=plain))


def hint(name: Name = "", lang: Lang = "") -> None:
    """The next hint for the step you are at."""
    words = _words(lang)
    _outside_only("hint", words)
    referee, texts = _joined(name, words)
    progress = referee.progress
    step = referee.lab.steps[progress.step]
    hints = texts.several(f"steps.{step.id}.hints")
    level = progress.hints.get(step.id, 0)
    if level >= len(hints):
        print(texts("cli.hint_none"))
        return
    progress.hints[step.id] = level + 1
    referee.store.save_progress(progress)
    print(f"{texts('screen.hint', level=level + 1)} {hints[level]}")


def predict(
    code: Annotated[str, typer.Argument(help="Which prediction: P1, P2, …")],
    answer: Annotated[str, typer.Argument(help="As the question asks: 4/3/3, yes, 12, 10.0.0.5, …")],
    name: Name = "", lang: Lang = "",
) -> None:
    """Answer a question of the lab: what will happen (before you see it), or what you measured."""
    words = _words(lang)
    _outside_only("predict", words)
    referee, texts = _joined(name, words)
    codes = referee.lab.questions
    if code.upper() not in codes:
        _fail(texts("cli.predict_unknown", code=code, codes=", ".join(codes)), USAGE)
    code = code.upper()
    asked = next(number for number, step in enumerate(referee.lab.steps) if code in step.asked)
    if code in referee.lab.predictions and referee.progress.step > asked:
        _fail(texts("screen.too_late"), FAILED)
    said = referee.predict(code, answer)
    if said is None:
        _fail(texts("screen.unread", form=texts(f"predictions.{code}.form")), USAGE)
    print(texts("cli.predict_saved", code=code, answer=said))


def reset(name: Name = "", lang: Lang = "") -> None:
    """The running lab from the start: cluster, service and progress."""
    from labs.kit.checks import GraderError
    from labs.kit.session import start_again
    from labs.kit.told import told

    words = _words(lang)
    _outside_only("reset", words)
    referee, texts = _joined(name, words, keep=True)
    try:
        start_again(referee, lambda key: print(texts(key) + " …"))
    except GraderError as error:
        _fail(told(str(error), words), FAULT)
    print(texts("cli.reset_done", name=referee.eyes.cluster.name))


def stop(name: Name = "", lang: Lang = "") -> None:
    """End the running lab; progress is kept."""
    words = _words(lang)
    _outside_only("stop", words)
    referee, texts = _joined(name, words)
    referee.eyes.cluster.stop()
    print(texts("cli.stopped", name=referee.eyes.cluster.name))


def load(
    count: Annotated[int, typer.Argument(help="How many requests.")],
    url: Annotated[str, typer.Argument(help="Of which service; the lab's by default.")] = "",
    name: Name = "", lang: Lang = "",
) -> None:
    """Send requests from the client, and count who answered."""
    from labs.kit.loading import load_now

    raise typer.Exit(load_now(count, url, name, _words(lang), _fail))


def traffic_start(
    rate: Annotated[float, typer.Argument(help="Requests a second.")],
    url: Annotated[str, typer.Argument(help="Of which service; the lab's by default.")] = "",
    name: Name = "", lang: Lang = "",
) -> None:
    """Send this many requests a second from the client, until `lab traffic stop`."""
    from labs.kit.loading import start_traffic

    start_traffic(rate, url, name, _words(lang), _fail)


def traffic_stop(name: Name = "", lang: Lang = "") -> None:
    """End the traffic."""
    from labs.kit.loading import stop_traffic

    stop_traffic(name, _words(lang), _fail)


def traffic_status(name: Name = "", lang: Lang = "", as_json: AsJson = False) -> None:
    """What happened in the last seconds."""
    from labs.kit.loading import show_traffic

    show_traffic(name, _words(lang), as_json)


def probe_start(
    url: Annotated[str, typer.Argument(help="Of which service; the lab's by default.")] = "",
    rate: Annotated[float, typer.Option("--rate", help="Requests a second.")] = 20.0,
    name: Name = "", lang: Lang = "",
) -> None:
    """Ask from the client again and again, and keep every answer, until `lab probe stop`."""
    from labs.kit.probing import start_probe

    start_probe(rate, url, name, _words(lang), _fail)


def probe_stop(name: Name = "", lang: Lang = "") -> None:
    """Stop asking; what was seen is kept."""
    from labs.kit.probing import stop_probe

    stop_probe(name, _words(lang), _fail)


def probe_status(name: Name = "", lang: Lang = "") -> None:
    """What was seen so far: versions, failures, the longest gap."""
    from labs.kit.probing import show_probe

    show_probe(name, _words(lang), _fail)


def guide(
    name: Annotated[str, typer.Argument()], lang: Lang = "", plain: bool = False, tmux: bool = False,
    notice: str = "",
) -> None:
    """The guide alone, for the left pane: `lab run` starts it."""
    from labs.kit.running import show_guide

    referee, texts = _joined(name, _words(lang), keep=True)
    raise typer.Exit(show_guide(referee, texts, plain=plain, tmux=tmux, notice=notice))

