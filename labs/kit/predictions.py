"""Owns what a student predicted: which answers can be read, and whether they agree with what was measured. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address

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


def read_number(text: str) -> str | None:
    """A number, with a point or a comma: `4`, `20.5`; or as programs print some: `0x1001`."""
    if re.fullmatch(r"\s*0x[0-9a-f]{1,12}\s*", text.lower()):
        return str(int(text, 16))
    found = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*(?:s|sec|seconds?|secondes?)?\s*", text.lower())
    # Not `:g`: a namespace's number has ten digits.
    return f"{float(found.group(1).replace(',', '.')):.12g}" if found else None


def read_numbers(text: str) -> str | None:
    """Several whole numbers in their order: `0, 0, 1` → `0 0 1`."""
    words = [word for word in re.split(r"[\s,;/]+", text) if word]
    return " ".join(str(int(word)) for word in words) if words and all(word.isdecimal() for word in words) else None


def read_address(text: str) -> str | None:
    """An IPv4 address, with or without a prefix."""
    try:
        return str(IPv4Address(text.strip().partition("/")[0]))
    except ValueError:
        return None


def read_addresses(text: str) -> str | None:
    """Several addresses, in order: `10.0.1.3 10.0.1.4`."""
    found = [read_address(word) for word in re.split(r"[\s,;]+", text.strip()) if word]
    known = [address for address in found if address]
    return " ".join(sorted(known, key=IPv4Address)) if known and len(known) == len(found) else None


def read_words(text: str) -> str | None:
    """Words in no order, in capitals: `a2, A7` → `A2 A7`."""
    return " ".join(sorted({word.upper() for word in re.split(r"[\s,;+/]+", text) if word})) or None


def read_clock(text: str) -> str | None:
    """A time of the day, `02:13`, from `2:13`, `2h13`, `02:13:59`."""
    found = re.fullmatch(r"\s*([01]?\d|2[0-3])\s*[:hH.]\s*([0-5]\d)(?:[:.][0-5]\d(?:\.\d+)?)?\s*", text)
    return f"{int(found[1]):02}:{found[2]}" if found else None


READERS = {
    "split": read_split, "yesno": read_yes_no, "number": read_number, "address": read_address,
    "addresses": read_addresses, "words": read_words, "numbers": read_numbers, "clock": read_clock,
}


def read(kind: str, text: str) -> str | None:
    """The answer in one spelling, or None if it is no answer to this kind of question."""
    return READERS[kind](text)


def split(counts: Iterable[int]) -> str:
    """The measured distribution in the spelling of `read_split`."""
    return "/".join(map(str, sorted(counts, reverse=True)))
