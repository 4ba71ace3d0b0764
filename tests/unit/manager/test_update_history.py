"""Updates of services whose tasks fail all the time: their history is short, their delay is not."""

from __future__ import annotations

import pytest

from swarmkit_py.manager.orchestrator.slots import by_slot
from swarmkit_py.model.specs import SECOND
from tests.unit.manager.rig import Rig
from tests.unit.manager.test_updates import image, policy, running, start, state


@pytest.mark.parametrize("limit", [5, 1, 0])
def test_the_delay_holds_where_tasks_fail_so_often_that_history_forgets_the_first(limit: int) -> None:
    """Five failures, 5 s apart, fill a slot's history before a delay of a minute is over."""
    rig = Rig()
    rig.missing_images = {"bad"}
    rig.keep_history(limit)
    web = start(rig, update_config=policy(failure_action="continue", delay=60 * SECOND))
    rig.update(web, image("bad"))
    for touched in (1, 2, 3):
        rig.advance(55)
        assert running(rig, web) == ["old"] * (4 - touched)
        rig.advance(5)
    rig.missing_images = set()
    rig.advance(400)
    assert state(rig, web) == "completed" and running(rig, web) == ["bad"] * 4
    assert max(len(slot) for slot in by_slot(rig.tasks(web)).values()) <= max(limit, 1)
