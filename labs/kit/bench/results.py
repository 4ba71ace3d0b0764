"""Owns what a measurement is, what it is compared with, and how a list of them is shown. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """One figure. `reference`: the same figure of a real swarm (`against` says of what); None where there is none.

    `ratio` is value / reference; whether more or less is better is the unit's nature (seconds and megabytes cost)."""

    bench: str
    what: str
    value: float
    unit: str
    reference: float | None = None
    against: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None


@dataclass(frozen=True)
class Failure:
    """A measurement that could not be made, and why."""

    bench: str
    why: str


Row = Result | Failure

ENGINE = "Docker Engine 20.10"
"""The reference where nothing else is said: a real swarm, one dockerd a network namespace, on such a machine."""


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For programs: results with their ratio, failures with their reason."""
    return [asdict(row) | ({"ratio": row.ratio} if isinstance(row, Result) else {}) for row in rows]


def line(row: Row) -> str:
    """One row of the table."""
    if isinstance(row, Failure):
        return f"  {row.bench:<11} could not be measured: {row.why}"
    value = f"{figure(row.value)} {row.unit}"
    if row.ratio is None or row.reference is None:
        return f"  {row.what:<58} {value:>14}"
    reference = f"{figure(row.reference)} {row.unit}"
    return f"  {row.what:<58} {value:>14} {reference:>14} {row.ratio:>6.2f}   {row.against}"


HEADING = f"  {'':<58} {'here':>14} {'reference':>14} {'ratio':>6}"


def figure(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
