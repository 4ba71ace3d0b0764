"""A few hundred stories on every run; `lab sim` tells more of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from swarmkit_py.sim.run import account, run_seed

SEEDS, PER_TEST = 300, 20
DIGESTS = """
from swarmkit_py.sim.run import run_seed
print(*(run_seed(seed, log=True).digest for seed in range(6)))
"""


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_every_rule_holds(first: int) -> None:
    for seed in range(first, first + PER_TEST):
        result = run_seed(seed)
        assert result.violation is None, "\n".join(account(result))


def digests(hash_seed: str) -> str:
    """Fingerprints of six logs, from a process whose sets and dicts are ordered in another way."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    made = subprocess.run(
        [sys.executable, "-c", DIGESTS], env=environment, capture_output=True, text=True, check=True)
    return made.stdout


def test_the_same_seed_gives_the_same_log_to_the_byte() -> None:
    one, other = digests("1"), digests("2")
    assert one == other
    assert len(set(one.split())) == 6, "different seeds, different logs"


def test_things_happen() -> None:
    """A story in which nothing happens would break no rule either."""
    logs = ["\n".join(run_seed(seed, log=True).log) for seed in range(60)]
    told = "\n".join(logs)
    for sign in ("manager starts at", "was removed from the swarm", "wanted remove", "non-zero exit", "orphaned",
                 "exec format error", "refused create", "no suitable node", "No such image", "disk is full"):
        assert sign in told, sign
    assert sum("running, wanted running" in log for log in logs) > 40
