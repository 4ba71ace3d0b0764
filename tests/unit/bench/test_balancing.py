"""What is measured is what was said: so many services, each with so many tasks, and each address another."""

from __future__ import annotations

from labs.kit.bench.balancing import CASES, records, vip
from swarmkit_py.network.balance import Balance, balancer


def test_each_case_is_a_table_of_so_many_services_with_so_many_tasks() -> None:
    for services, tasks in CASES:
        parts = [part for part in balancer(records(services, tasks), "10.9.0.1").parts if isinstance(part, Balance)]
        assert len({part.vip for part in parts}) == services
        assert {len(set(part.backends)) for part in parts} == {tasks}
        assert vip(services // 2) in {part.vip for part in parts}, "the address that is asked is one of them"
