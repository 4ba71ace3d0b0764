"""The scheduler's benchmark places what it says it places."""

from __future__ import annotations

import pytest

from labs.kit.bench import scheduler
from labs.kit.bench.scheduler import Shape
from swarmkit_py.errors import Internal


@pytest.mark.parametrize("shape", [(30, 100), (100, 30), (7, 2500)])
@pytest.mark.parametrize("kind", ["single", "replicas"])
def test_every_task_gets_a_node(shape: Shape, kind: str) -> None:
    assert scheduler.place_all(*shape, kind) > 0


def test_what_was_not_placed_evenly_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "_schedule", lambda store: None)
    with pytest.raises(Internal, match="was not placed"):
        scheduler.place_all(3, 3, "single")
