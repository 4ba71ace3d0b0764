"""How figures are compared and shown, and which benchmarks can be asked for."""

from __future__ import annotations

import json

import pytest

from labs.kit.bench import results, suite
from labs.kit.bench.results import Failure, Result
from swarmkit_py.errors import NotFound


def test_the_ratio_is_value_by_reference() -> None:
    assert Result("nodes", "x", 0.5, "s", 2.0).ratio == 0.25
    assert Result("nodes", "x", 0.5, "s").ratio is None


@pytest.mark.parametrize(("value", "shown"), [(0.1234, "0.12"), (12.345, "12.3"), (1234.5, "1 234")])
def test_three_digits(value: float, shown: str) -> None:
    assert results.figure(value) == shown


def test_a_line_has_value_reference_and_ratio() -> None:
    line = results.line(Result("nodes", "3 nodes Ready", 0.25, "s", 1.31, "Docker Engine 20.10"))
    assert line.split() == ["3", "nodes", "Ready", "0.25", "s", "1.31", "s", "0.19", "Docker", "Engine", "20.10"]


def test_what_could_not_be_measured_says_why() -> None:
    assert results.line(Failure("memory", "no host")).split(maxsplit=1)[1] == "could not be measured: no host"
    assert json.loads(json.dumps(results.as_json([Failure("memory", "gone"), Result("a", "b", 1.0, "s", 2.0)]))) == [
        {"bench": "memory", "why": "gone"},
        {"bench": "a", "what": "b", "value": 1.0, "unit": "s", "reference": 2.0, "against": "", "ratio": 0.5}]


def test_all_or_those_asked_for() -> None:
    assert suite.check([]) == [name for name in suite.NAMES if name != "net"], "the others are parts of it"
    assert suite.check(["memory"]) == ["memory"]
    with pytest.raises(NotFound, match="no benchmark 'speed'; there are: nodes, serving"):
        suite.check(["speed"])
