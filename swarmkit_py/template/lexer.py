"""Owns how a template's text falls apart into plain pieces and the words of its actions. Knows no meaning.

Counterpart: Go's text/template/parse/lex.go, the part that a swarm's templates use.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from swarmkit_py.errors import InvalidArgument

_ACTION = re.compile(r"\{\{(-(?=\s))?(.*?)((?<=\s)-)?\}\}", re.DOTALL)
_COMMENT = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)
_WORD = re.compile(
    r"""\s*(?:(?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"""
    r"""|(?P<chain>(?:\.[A-Za-z_]\w*)+)|(?P<dot>\.)|(?P<name>[A-Za-z_]\w*)|(?P<mark>[()|]))""")


class Piece(NamedTuple):
    """`text` outside of the braces, or an action's `words` inside."""

    text: str
    words: list[Word] | None = None


class Word(NamedTuple):
    """`kind`: string, number, chain (`.A.B`), dot, name or mark; a string's `text` is its value."""

    kind: str
    text: str


def pieces(source: str) -> Iterator[Piece]:
    """Text and actions in order, `{{-` and `-}}` carried out. Raises InvalidArgument for what never closes."""
    end, trim = 0, False
    for found in _ACTION.finditer(source):
        text = source[end:found.start()]
        yield _text(text, left=trim, right=bool(found[1]))
        if not _COMMENT.fullmatch(found[2]):
            yield Piece("", list(_words(found[2])))
        end, trim = found.end(), bool(found[3])
    rest = source[end:]
    if "{{" in rest:
        raise InvalidArgument("template: unclosed action")
    yield _text(rest, left=trim, right=False)


def _text(text: str, *, left: bool, right: bool) -> Piece:
    text = text.lstrip() if left else text
    return Piece(text.rstrip() if right else text)


def _words(action: str) -> Iterator[Word]:
    position, action = 0, action.rstrip()
    while position < len(action):
        found = _WORD.match(action, position)
        if found is None:
            raise InvalidArgument(f"template: unexpected {action[position:].strip()[:20]!r} in {{{{{action}}}}}")
        kind = found.lastgroup or ""
        text = found[kind]
        yield Word(kind, _unquoted(text) if kind == "string" else text)
        position = found.end()


def _unquoted(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        raise InvalidArgument(f"template: {text} is no string") from None
