"""Owns the reference pages of the docs site: commands, checks and errors, read from the code that has them. Pure."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

from labs.kit.folder import all_labs, read_lab
from labs.kit.site.course import check_table, escape, labels, plain, say
from swarmkit_py.errors import SwarmError

HIDDEN_OPTIONS = ("help",)
ERRORS = sys.modules[SwarmError.__module__]


def reference_pages() -> dict[str, str]:
    """Each page's path in the site, and its Markdown."""
    return {
        "reference/commands.md": _page(commands()),
        "reference/checks.md": _page(checks("en")),
        "fr/checks.md": _page(checks("fr")),
        "reference/errors.md": _page(error_table()),
    }


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def commands() -> Iterator[str]:
    """The `lab` command: every command it has, with arguments and options, as `--help` has them."""
    import typer.main

    from labs.kit.cli import build_app

    yield from ("# The lab command", "", "Made from the command itself, so `./lab COMMAND --help` says the same. "
                "Exit status: 0 all well, 1 something failed, 2 wrong usage, 3 the machine's or the kit's fault.", "")
    yield from _group("lab", typer.main.get_command(build_app()))


def _group(path: str, group: Any) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _group(f"{path} {name}", command)
        else:
            yield from _command(f"{path} {name}", command)


def _command(path: str, command: Any) -> Iterator[str]:
    parameters = [one for one in command.params if one.name not in HIDDEN_OPTIONS]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    usage = " ".join([path, *(_argument(one) for one in arguments)])
    yield from (f"## {path}", "", _prose(_first_paragraph(command.help or "")), "", f"```text\n{usage}\n```", "")
    if parameters:
        yield from ("| Word | Meaning |", "| --- | --- |")
        yield from (f"| {_spelling(one)} | {_prose(getattr(one, 'help', '') or '')} |" for one in parameters)
        yield ""


def _prose(text: str) -> str:
    """A docstring's words: what stands in backticks stays code, every other sign means itself."""
    parts = " ".join(text.split()).split("`")
    return "".join(f"`{part}`" if number % 2 else escape(part) for number, part in enumerate(parts))


def _first_paragraph(text: str) -> str:
    return text.strip().split("\n\n")[0]


def _argument(one: Any) -> str:
    name = (one.metavar or one.name).upper().rstrip("_")
    name = name.replace("|", " or ") if "|" in name else name
    more = "…" if one.nargs == -1 or one.multiple else ""
    return f"{name}{more}" if one.required else f"[{name}{more}]"


def _spelling(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{_argument(one)}`"
    value = "" if one.is_flag else f" {one.metavar or one.name.upper()}"
    return ", ".join(f"`{name}{value}`" for name in [*one.opts, *one.secondary_opts])


def checks(lang: str) -> Iterator[str]:
    """Every lab's checks."""
    french = lang == "fr"
    yield from ("# Les vérifications" if french else "# The checks", "",
                "Engendré à partir des vérifications enregistrées de chaque labo." if french else
                "Made from the checks that each lab registers. Those without points close steps on the way.", "")
    for path in all_labs():
        lab = read_lab(path)
        words = lab.words(lang, lab.params(None))
        yield from (f"## {lab.id[:2]} · {say(words, 'title')}", "", *check_table(lab, words, labels(lang)), "")


def error_table() -> Iterator[str]:
    """The classes of `swarmkit_py.errors`: what each means, its HTTP status, and the exit status of `lab` for it."""
    from labs.kit.cli import exit_code

    yield from (
        "# Errors and exit status", "", "Made from `swarmkit_py/errors.py`. Every error is a sentence that says what "
        "was wrong and what to do next; the class decides how a program may tell it apart.", "",
        "| Error | What it means | HTTP status of the Docker API | exit status of `lab` |",
        "| --- | --- | --- | --- |")
    meanings = dict(re.findall(r"─ (\w+) +\d+ +(.+)", ERRORS.__doc__ or ""))
    for cls in _classes():
        yield (f"| `{cls.__name__}` | {plain(meanings.get(cls.__name__, ''))} | {cls.status} | "
               f"{exit_code(cls('…'))} |")
    yield from ("", "## Exit status of `lab`", "", "| Status | Meaning |", "| --- | --- |",
                "| 0 | all well; all checks passed |", "| 1 | something failed: a check, a test, a refused command |",
                "| 2 | wrong usage |", "| 3 | the machine's, the kit's or the grader's fault: never costs points |",
                "| 130 | Ctrl-C |", "")


def _classes() -> list[type[SwarmError]]:
    found = [cls for _, cls in inspect.getmembers(ERRORS, inspect.isclass)
             if issubclass(cls, SwarmError) and cls is not SwarmError]
    return sorted(found, key=lambda cls: (cls.status, cls.__name__))
