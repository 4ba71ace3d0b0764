"""A story that fails is made small: only steps that are needed are left, each as plain as it can be."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, find, settings

from tests.engine.net_steps import Drain, MakeService, Place, Port, Run, Step, stories

FAST = settings(max_examples=5000, database=None, derandomize=True, deadline=None,
                phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck))


def _fails(steps: list[Step]) -> bool:
    """As if a host port went wrong on a drained node."""
    drained = False
    for step in steps:
        drained = drained or isinstance(step, Drain)
        if drained and isinstance(step, MakeService) and any(port.host for port in step.ports):
            return True
    return False


def test_two_steps_of_many_are_left_and_nothing_in_them_that_is_not_needed() -> None:
    small = find(stories(), _fails, settings=FAST)
    assert small == [Drain("manager1"), MakeService("s0", 1, (), (Port(0, host=True),))]


def test_what_a_step_needs_stays_in_it() -> None:
    def aliased(steps: list[Step]) -> bool:
        return any(isinstance(step, MakeService) and any(place.alias == "api" for place in step.places)
                   for step in steps) and any(isinstance(step, Run) and step.network > 0 for step in steps)

    small = find(stories(), aliased, settings=FAST)
    assert sorted(map(str, small)) == sorted(map(str, [
        MakeService("s0", 1, (Place(0, "api"),)), Run("c0", "manager1", 1)]))


def test_every_kind_of_step_is_told() -> None:
    kinds = set()

    def note(steps: list[Step]) -> bool:
        kinds.update(type(step) for step in steps)
        return kinds == set(Step.__subclasses__())

    find(stories(), note, settings=settings(FAST, phases=[Phase.generate]))
