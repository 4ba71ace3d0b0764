"""Owns what a student predicted: which answers can be read, and whether they agree with what was measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

YES = {"o", "oui", "y", "yes", "1"}
NO = {"n", "non", "no", "0"}


def read_split(text: str) -> str | None:
    """`4/3/3` from `3,4,3`, `3 4 3`, …: tasks per node, largest first. None if it is not three numbers or so."""
    numbers = [int(number) for number in re.findall(r"\d+", text)]
    return "/".join(map(str, sorted(numbers, reverse=True))) if 2 <= len(numbers) <= 9 else None


def read_yes_no(text: str) -> str | None:
    """`yes` or `no`, in both languages."""
    word = text.strip().lower()
    return "yes" if word in YES else "no" if word in NO else None


READERS = {"split": read_split, "yesno": read_yes_no}


def read(kind: str, text: str) -> str | None:
    """The answer in one spelling, or None if it is no answer to this kind of question."""
    return READERS[kind](text)


def split(counts: Iterable[int]) -> str:
    """The measured distribution in the spelling of `read_split`."""
    return "/".join(map(str, sorted(counts, reverse=True)))
