"""Owns what the docs' code blocks say: which are to be run, where, and why not. Pure. Rules: docs/the-docs.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.repo.imports import ROOT

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[^\s`]*)")
_COMMENT = re.compile(r"<!-- (?P<word>terminal|not run)(?:: (?P<reason>.+?))? -->")
_COMMAND = re.compile(r"^(?:\[(?P<host>[\w-]+)\] )?\$ (?P<line>.+)$")
_TYPED = re.compile(r"(\$ |(sudo )?\./lab |docker [a-z]|pip |python3? -m )")
FOR_COMMANDS, FOR_OTHERS = "console", ("text", "python", "toml", "json", "diff", "yaml", "mermaid")


@dataclass(frozen=True)
class Command:
    """One line to type. `host`: "" is one's own machine. `terminal`: it has a screen of its own and goes on."""

    page: str
    number: int
    host: str
    line: str
    terminal: bool


@dataclass(frozen=True)
class Block:
    """One fenced block. `number`: of its first line. `word`: what the comment before it says of it."""

    page: str
    number: int
    language: str
    lines: tuple[str, ...]
    word: str = ""
    reason: str = ""

    def commands(self) -> Iterator[Command]:
        """What is to be run here."""
        if self.language != FOR_COMMANDS or self.word == "not run":
            return
        for offset, line in enumerate(self.lines):
            if found := _COMMAND.match(line):
                yield Command(self.page, self.number + offset, found["host"] or "", found["line"],
                              self.word == "terminal")

    def problems(self) -> Iterator[str]:
        """What breaks the rules, a sentence each."""
        here = f"{self.page}:{self.number}"
        if self.word == "not run" and len(self.reason.split()) < 3:
            yield f"{here}: not run, and no reason that one could judge"
        if self.language == FOR_COMMANDS:
            if not any(_COMMAND.match(line) for line in self.lines):
                yield f"{here}: a console block without a line that starts with $"
        elif self.language not in (*FOR_OTHERS, ""):
            yield f"{here}: language {self.language}: what is typed is console, all else is {', '.join(FOR_OTHERS)}"
        elif self.language != "diff" and any(_TYPED.match(line) for line in self.lines):
            yield f"{here}: looks like something to type, and is not run: make it a console block"


def pages() -> list[Path]:
    """Every page that a person wrote."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(text: str, page: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    found: list[Block] = []
    lines, number, comment = text.splitlines(), 0, None
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            if lines[number].strip():
                comment = _COMMENT.fullmatch(lines[number].strip())
            number += 1
            continue
        end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() == fence["fence"]), len(lines))
        word, reason = (comment["word"], comment["reason"] or "") if comment else ("", "")
        inside = tuple(line.removeprefix(fence["indent"]) for line in lines[number + 1:end])
        found.append(Block(page, number + 2, fence["language"], inside, word, reason))
        number, comment = end + 1, None
    return found


def blocks_of(path: Path) -> list[Block]:
    """Those of a file."""
    return blocks(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)))


def twin(page: str, commands: list[Command], of: dict[str, list[Command]]) -> bool:
    """A French page that says nothing but what its English twin says, in French: its commands are run there."""
    english = {(one.host, one.line) for one in of.get(page.replace("/fr/", "/"), [])}
    return "/fr/" in page and all((one.host, one.line.replace(" --lang fr", "")) in english for one in commands)


def sessions() -> dict[str, list[Command]]:
    """What is to be run, by page."""
    found = {str(path.relative_to(ROOT)): [command for block in blocks_of(path) for command in block.commands()]
             for path in pages()}
    return {page: commands for page, commands in found.items() if commands and not twin(page, commands, found)}
