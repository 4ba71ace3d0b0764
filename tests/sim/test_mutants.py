"""Each broken component is found within fifty seeds, by a rule that speaks of what it broke."""

from __future__ import annotations

import pytest

from swarmkit_py.sim.run import Result, run_seed
from tests.sim.mutants import MUTANTS, Mutant

SEEDS = 50


def first_violation() -> Result | None:
    return next((found for found in map(run_seed, range(SEEDS)) if found.violation is not None), None)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_found_within_fifty_seeds(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.patch(monkeypatch)
    found = first_violation()
    assert found is not None and found.violation is not None, f"{mutant.name}: nobody noticed"
    assert found.violation.rule in mutant.rules, found.violation.lines()
