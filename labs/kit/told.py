"""Owns saying in the student's language what lower layers say in English: the sandbox's errors, why a lab could not
be given, what is wrong with a hand-in. Those layers know no languages; a sentence is found among the English texts of
the words files, and its facts go into the holes of the same text in the other language. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from string import Formatter

from labs.kit.words import Words, kit_words, language

SECTIONS = ("sandbox.", "handin.", "machine.")


def told(said: str, words: Words) -> str:
    """The sentence in that language; as it is where nobody knows it."""
    if words.lang == "en":
        return said
    for key, pattern in _patterns():
        found = pattern.fullmatch(said)
        if found:
            return words.fill(key, found.groupdict())
    return said


def told_to(said: str, argv: Sequence[str], environ: Mapping[str, str]) -> str:
    """The same where only the command line is known: its `--lang`, else as every command chooses."""
    try:
        return told(said, kit_words(language(_option(argv), environ)))
    except ValueError:
        return said


def _option(argv: Sequence[str]) -> str | None:
    for number, word in enumerate(argv):
        if word.startswith("--lang="):
            return word.partition("=")[2]
        if word == "--lang":
            return next(iter(argv[number + 1:]), None)
    return None


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """By key, what an English sentence looks like; those with most words of their own first."""
    english = kit_words("en")
    texts = {key: english.raw(key) for key in sorted(english.keys()) if key.startswith(SECTIONS)}
    found = {key: re.compile(pattern_of(text), re.DOTALL) for key, text in texts.items()}
    return tuple(sorted(found.items(), key=lambda item: -len(re.sub(r"\{\w+\}", "", texts[item[0]]))))


def pattern_of(text: str) -> str:
    """A regular expression: each hole is a group of its name."""
    return "".join(re.escape(literal) + (f"(?P<{name}>.*?)" if name else "")
                   for literal, name, _, _ in Formatter().parse(text))
