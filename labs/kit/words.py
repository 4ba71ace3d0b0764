"""Owns the language of what a student reads: which one, and the texts by key. Knows nothing of labs or clusters."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

LANGUAGES = ("fr", "en")
HERE = Path(__file__).parent


def language(option: str | None, environ: Mapping[str, str]) -> str:
    """`fr` or `en`: the option, else $LAB_LANG, else the locale (fr* is French). Raises ValueError for another."""
    asked = option or environ.get("LAB_LANG")
    if asked:
        short = asked.lower()[:2]
        if short not in LANGUAGES:
            raise ValueError(f"no language {asked!r}; there are: {', '.join(LANGUAGES)}")
        return short
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "fr" if locale.lower().startswith("fr") else "en"


@cache
def read_toml(path: Path) -> dict[str, Any]:
    """The file's table. Raises ValueError that names the file when it is not TOML."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return table
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested tables as dotted keys; lists as `key.0`, `key.1`, ….  Everything is text."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            flat |= {f"{prefix}{key}.{i}": str(item) for i, item in enumerate(value)}
        else:
            flat[f"{prefix}{key}"] = str(value)
    return flat


class Words:
    """Texts of one language. `words("key", n=3)` is the text with its holes filled."""

    def __init__(self, lang: str, *tables: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> None:
        self.lang = lang
        self._texts: dict[str, str] = {}
        for table in tables:
            self._texts |= flatten(table)
        self._values = dict(values or {})

    def __contains__(self, key: str) -> bool:
        return key in self._texts

    def __call__(self, key: str, **values: Any) -> str:
        """The text under `key`. KeyError for an unknown key: the tests hold every key in both languages."""
        return self._texts[key].format(**{**self._values, **values}).strip()

    def expand(self, text: str) -> str:
        """A text from elsewhere (a command) with the lab's values in its holes."""
        return text.format(**self._values)

    def fill(self, key: str, facts: Mapping[str, Any]) -> str:
        """As a call, but a hole that nothing fills reads as a dash."""
        return self._texts[key].format_map(_Dashes({**self._values, **facts})).strip()

    def several(self, key: str, **values: Any) -> list[str]:
        """The texts under `key.0`, `key.1`, …"""
        found: list[str] = []
        while f"{key}.{len(found)}" in self._texts:
            found.append(self(f"{key}.{len(found)}", **values))
        return found

    def raw(self, key: str) -> str:
        """The text with its holes."""
        return self._texts[key]

    def keys(self) -> set[str]:
        return set(self._texts)

    def adding(self, table: Mapping[str, Any], values: Mapping[str, Any]) -> Words:
        """These words and a lab's own, with the lab's values known in every text."""
        return Words(self.lang, self._texts, table, values={**self._values, **values})


class _Dashes(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "–"


def kit_words(lang: str) -> Words:
    """What the `lab` command says, whatever the lab."""
    return Words(lang, read_toml(HERE / f"words.{lang}.toml"))
