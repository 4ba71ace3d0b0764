"""Owns the small language of a swarm's templates: a strict part of Go's text/template. Pure.

There are fields (`.Service.Name`), strings, numbers, calls, pipes, parentheses, comments, trimming and `if`. All
else is refused by name: a template that cannot be read as its writer meant must not run.
Counterpart: Go's text/template with swarmkit/template's `missingkey=error`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.template.functions import FUNCTIONS, shown, truth
from swarmkit_py.template.lexer import Piece, Word, pieces

Functions = Mapping[str, Callable[..., Any]]
_ABSENT = ("range", "with", "define", "template", "block", "break", "continue", "nil")
_ENDS = (Word("mark", "|"), Word("mark", ")"))
_CONSTANTS = {"true": True, "false": False}


class Fields(dict[str, Any]):
    """A struct: a key that is not there is a mistake in the template. (A plain dict is a map.)"""


class If(NamedTuple):
    condition: list[Word]
    then: list[Any]
    otherwise: list[Any]


def expand(source: str, context: Fields, functions: Functions | None = None) -> str:
    """The text with every action carried out. Raises InvalidArgument saying what cannot be understood."""
    if "{{" not in source:
        return source
    tree, rest = _block(list(pieces(source)), 0)
    if rest is not None:
        raise InvalidArgument(f"template: unexpected {{{{{rest.text}}}}}")
    return _run(tree, _Evaluator(context, {**FUNCTIONS, **(functions or {})}))


class _End(NamedTuple):
    """Why a block ended: at `end` or `else`, and what follows it."""

    text: str
    words: list[Word]
    position: int


def _block(found: Sequence[Piece], position: int) -> tuple[list[Any], _End | None]:
    tree: list[Any] = []
    while position < len(found):
        words = found[position].words
        position += 1
        if words is None:
            tree.append(found[position - 1].text)
            continue
        head = words[0].text if words and words[0].kind == "name" else ""
        if head in _ABSENT:
            raise InvalidArgument(f"template: {{{{{head}}}}} is not there in this swarm's templates")
        if head in ("end", "else"):
            return tree, _End(head, words[1:], position)
        if head == "if":
            node, position = _if(found, words[1:], position)
            tree.append(node)
        else:
            tree.append(words)
    return tree, None


def _if(found: Sequence[Piece], condition: list[Word], position: int) -> tuple[If, int]:
    then, end = _block(found, position)
    otherwise: list[Any] = []
    if end is not None and end.text == "else" and end.words:
        if end.words[0] != Word("name", "if"):
            raise InvalidArgument("template: unexpected words after {{else}}")
        nested, position = _if(found, end.words[1:], end.position)
        return If(condition, then, [nested]), position
    if end is not None and end.text == "else":
        otherwise, end = _block(found, end.position)
    if end is None or end.text != "end":
        raise InvalidArgument("template: {{if}} without its {{end}}")
    return If(condition, then, otherwise), end.position


def _run(tree: list[Any], evaluator: _Evaluator) -> str:
    parts = []
    for node in tree:
        if isinstance(node, If):
            chosen = node.then if truth(evaluator.pipeline(node.condition)) else node.otherwise
            parts.append(_run(chosen, evaluator))
        else:
            parts.append(node if isinstance(node, str) else shown(evaluator.pipeline(node)))
    return "".join(parts)


class _Evaluator:
    def __init__(self, context: Fields, functions: Functions) -> None:
        self._context, self._functions = context, functions
        self._words: list[Word] = []
        self._at = 0

    def pipeline(self, words: list[Word]) -> Any:
        """The value of a whole action."""
        if not words:
            raise InvalidArgument("template: missing value for command")
        self._words, self._at = words, 0
        value = self._pipe()
        if self._at < len(words):
            raise InvalidArgument(f"template: unexpected {words[self._at].text!r}")
        return value

    def _pipe(self) -> Any:
        value = self._command([])
        while self._next_is("|"):
            self._at += 1
            value = self._command([value])
        return value

    def _command(self, piped: list[Any]) -> Any:
        if self._at >= len(self._words):
            raise InvalidArgument("template: missing value for command")
        first = self._words[self._at]
        if first.kind == "name" and first.text not in _CONSTANTS:
            self._at += 1
            return self._call(first.text, [*self._operands(), *piped])
        operands = self._operands()
        if not operands:
            raise InvalidArgument("template: missing value for command")
        value, *more = operands
        if more or piped:
            raise InvalidArgument(f"template: can't give argument to non-function {first.text}")
        return value

    def _operands(self) -> list[Any]:
        found = []
        while self._at < len(self._words) and self._words[self._at] not in _ENDS:
            found.append(self._operand())
        return found

    def _operand(self) -> Any:
        word = self._words[self._at]
        self._at += 1
        if word.kind == "string":
            return word.text
        if word.kind == "number":
            return float(word.text) if "." in word.text else int(word.text)
        if word.kind == "dot":
            return self._context
        if word.kind == "chain":
            return self._field(word.text)
        if word.kind == "name":
            return _CONSTANTS[word.text] if word.text in _CONSTANTS else self._call(word.text, [])
        value = self._pipe()
        if not self._next_is(")"):
            raise InvalidArgument("template: unclosed left paren")
        self._at += 1
        return value

    def _field(self, chain: str) -> Any:
        value: Any = self._context
        for name in chain.split(".")[1:]:
            if isinstance(value, Fields) and name in value:
                value = value[name]
            elif isinstance(value, dict) and not isinstance(value, Fields):
                if name not in value:
                    raise InvalidArgument(f'template: at <{chain}>: map has no entry for key "{name}"')
                value = value[name]
            else:
                raise InvalidArgument(f"template: at <{chain}>: can't evaluate field {name}")
        return value

    def _call(self, name: str, arguments: list[Any]) -> Any:
        function = self._functions.get(name)
        if function is None:
            raise InvalidArgument(f'template: function "{name}" not defined')
        try:
            return function(*arguments)
        except (TypeError, ValueError, IndexError) as error:
            raise InvalidArgument(f"template: error calling {name}: {error}") from None

    def _next_is(self, mark: str) -> bool:
        return self._at < len(self._words) and self._words[self._at] == Word("mark", mark)
