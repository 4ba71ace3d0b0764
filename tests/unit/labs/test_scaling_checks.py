"""Lab 03's checks, each against worlds that are right and worlds that are wrong in one way."""

from __future__ import annotations

import pytest

from labs.kit.judge import CONVERGING, ERROR, FAILED, PASSED, WAITING, score
from labs.kit.world import World
from tests.unit.labs.views import LATE, PARAMS, FakeRequests, judged, traffic, view
from tests.unit.labs.worlds import HOSTS, address, node, service, spread, task, world

FIVE, TEN = spread(5), spread(10)
STATE_CHECKS = ("sc2", "sc3", "sc4", "sc5", "sc6", "sc7", "sc8")


def given() -> World:
    return world(FIVE)


def test_an_untouched_lab_earns_nothing() -> None:
    results = judged(view(given()))
    assert score(results.values()) == 0
    assert results["sc2"].status == FAILED and results["sc2"].mistake == ""
    assert results["sc7"].status == WAITING


def test_the_goal_state_passes_every_state_check() -> None:
    results = judged(view(world(TEN), given()), *STATE_CHECKS)
    assert {result.status for result in results.values()} == {PASSED}


def test_all_points_together_are_twenty() -> None:
    from tests.unit.labs.views import LAB

    assert LAB.checks().max_points + LAB.table["predicted_points"] == 20


def failing(bad: World, *before: World, requests: FakeRequests | None = None) -> tuple[str, str]:
    """The first check that fails, and the mistake recognised."""
    results = judged(view(bad, *(before or (given(),)), requests=requests), *STATE_CHECKS)
    first = next(result for result in results.values() if result.status != PASSED)
    assert first.status == FAILED
    return first.code, first.mistake


def test_a_wish_without_processes_is_worth_one_point() -> None:
    bad = world(TEN, dead=range(6, 11))
    results = judged(view(bad, given()), *STATE_CHECKS)
    assert score(results.values()) == 1 and results["sc3"].actual == 5


@pytest.mark.parametrize(("bad", "code", "mistake"), [
    (world(FIVE, strangers=[("worker1", "nginx")] * 5), "sc2", "hand_made_containers"),
    (world(FIVE, services=[service("web", 5), service("web2", 5)]), "sc2", "second_service"),
    (world(FIVE, services=[service("web", 5), service("api", 10)]), "sc2", "wrong_service"),
    (world([], services=[]), "sc2", "removed"),
    (world([], 0), "sc2", "zero"),
    (world(spread(14)), "sc2", "scaled_too_far"),
    (world(spread(9)), "sc2", "not_enough"),
    (world(FIVE + [task(n, "", state="pending", error="no suitable node") for n in range(6, 11)]), "sc3", "pending"),
    (world(TEN, unplugged=[3]), "sc4", ""),
    (world(TEN, ghosts=["10.0.0.99"]), "sc5", ""),
    (world(TEN, backends_of=[address(n) for n in range(1, 10)]), "sc5", ""),
    (world(spread(10, HOSTS[:2]), nodes=[node("manager1"), node("worker1"), node("worker2", "drain")]),
     "sc7", "node_drained"),
    (world(spread(10, generation=1), services=[service("web", 10, "svc-web")]), "sc8", ""),
    (world(spread(10, of="new"), services=[service("web", 10, "new")]), "sc8", "recreated"),
    (world(spread(10, generation=1), services=[service("web", 10, force=1)]), "sc8", "forced"),
])
def test_each_wrong_state_is_recognised(bad: World, code: str, mistake: str) -> None:
    before = world(spread(5, HOSTS[:2])) if mistake == "node_drained" else given()
    if mistake == "recreated":
        bad = world(spread(10, of="new", generation=1), services=[service("web", 10, "new")])
    assert failing(bad, before) == (code, mistake)


def test_one_silent_task_fails_the_packets_check() -> None:
    silent = FakeRequests(silent=[f"{7:064x}"[:12]])
    assert failing(world(TEN), requests=silent) == ("sc6", "")


def test_one_error_fails_the_packets_check() -> None:
    assert failing(world(TEN), requests=FakeRequests(errors=("http://10.7.0.2/: 0",))) == ("sc6", "")


@pytest.mark.parametrize(("table", "code"), [("links", "sc4"), ("nft", "sc5")])
def test_what_could_not_be_read_costs_nothing(table: str, code: str) -> None:
    blind = world(TEN)
    for name in HOSTS:
        blind.hosts[name]["namespaces"][str(blind.hosts[name]["netns"])][table] = None
    result = judged(view(blind, given()), code)[code]
    assert result.status == ERROR and "could not be read" in result.error


def test_too_early_is_not_wrong() -> None:
    early = judged(view(world(TEN, dead=[8, 9, 10]), given()), "sc3", now=2.1)
    assert early["sc3"].status == CONVERGING and early["sc3"].actual == 7
    late = judged(view(world(TEN, dead=[8, 9, 10]), given()), "sc3", now=LATE)
    assert late["sc3"].status == FAILED


def low(**options: object) -> World:
    return world(TEN[:PARAMS.low], **options)  # type: ignore[arg-type]


def test_a_clean_way_down_passes() -> None:
    assert judged(view(low(), given(), world(TEN)), "sc10")["sc10"].status == PASSED


@pytest.mark.parametrize("bad", [
    low(ghosts=[address(9)]),
    world(TEN[:3] + [task(9, "worker2", desired="remove")], 3),
    world(spread(3, generation=1), 3),
])
def test_a_way_down_that_leaves_something_fails(bad: World) -> None:
    assert judged(view(bad, given(), world(TEN)), "sc10")["sc10"].status == FAILED


def test_stopping_containers_is_not_scaling_down() -> None:
    ended = [task(4, "manager1", state="complete", desired="shutdown", generation=1)]
    result = judged(view(world(TEN + ended, 10), given()), "sc10")["sc10"]
    assert (result.status, result.mistake) == (FAILED, "stopped_extra")


def test_served_traffic_passes_and_stays_passed() -> None:
    enough = world(spread(PARAMS.enough))
    requests = FakeRequests(running=traffic())
    assert judged(view(enough, given(), requests=requests), "sc9")["sc9"].status == PASSED


@pytest.mark.parametrize(("tasks", "running", "status", "mistake"), [
    (5, None, FAILED, ""),
    (5, traffic(28.0), FAILED, "under_sized"),
    (20, traffic(), FAILED, "over_sized"),
    (7, traffic(seconds=2), CONVERGING, ""),
    (7, traffic(sent=0.9), ERROR, ""),
    (5, traffic(28.0, sent=0.9), FAILED, "under_sized"),
])
def test_traffic_not_served_well(tasks: int, running: object, status: str, mistake: str) -> None:
    requests = FakeRequests(running=running)  # type: ignore[arg-type]
    result = judged(view(world(spread(tasks)), given(), requests=requests), "sc9")["sc9"]
    assert (result.status, result.mistake) == (status, mistake)


def test_a_task_that_has_enough_to_do_is_no_error_if_it_answers_once() -> None:
    """Others ask as well: that the mesh leads to it is what is asked here."""
    assert judged(view(world(TEN), given(), requests=FakeRequests(busy=30)), *STATE_CHECKS)["sc6"].status == PASSED
    full = FakeRequests(busy=30, silent=[world(TEN).live("web")[0].container[:12]])
    assert judged(view(world(TEN), given(), requests=full), *STATE_CHECKS)["sc6"].status == FAILED


def test_predictions_are_compared_with_what_was_measured() -> None:
    from tests.unit.labs.views import LAB

    truths = LAB.checks().truths
    seen = view(low(), given(), world(TEN))
    assert {code: truth(seen) for code, truth in truths.items()} == {"P1": "4/3/3", "P2": "no", "P3": "1/1/1"}
    assert {truth(view(given())) for truth in truths.values()} == {None}
