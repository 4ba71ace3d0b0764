"""Which changes a follower of the store asked for."""

from __future__ import annotations

import pytest

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.manager.selectors import action, name_of, selector
from swarmkit_py.model.objects import Service, Task
from swarmkit_py.store.watch import Change
from tests.builders import service, task

WEB = service("web")
ONE = task(WEB, slot=1)
MADE, STEP, GONE = Change(Task, None, ONE), Change(Task, ONE, ONE), Change(Task, ONE, None)
OF_SERVICE = Change(Service, None, WEB)


@pytest.mark.parametrize(("asked", "found"), [
    ({}, True),
    ({"kind": ["task"]}, True),
    ({"kind": ["service", "node"]}, False),
    ({"kind": ["task"], "slot": ["1"]}, True),
    ({"slot": ["2", "3"]}, False),
    ({"service": ["web"]}, True),
    ({"service": [WEB.id]}, True),
    ({"service": ["api"]}, False),
    ({"name": ["web.1"]}, True),
    ({"name-prefix": ["we"]}, True),
    ({"id-prefix": [ONE.id[:6]]}, True),
    ({"id": [WEB.id]}, False),
    ({"desired-state": [ONE.desired_state.value]}, True),
    ({"desired-state": ["remove"]}, False),
    ({"action": ["create"]}, True),
    ({"action": ["remove", "update"]}, False),
])
def test_what_is_selected(asked: dict[str, list[str]], found: bool) -> None:
    assert selector(asked)(MADE) is found


def test_what_kind_of_change_it_is() -> None:
    assert [action(change) for change in (MADE, STEP, GONE)] == ["create", "update", "remove"]
    assert (name_of(ONE), name_of(WEB)) == ("web.1", "web")
    assert selector({"service": ["web"]})(OF_SERVICE) and not selector({"node": ["n"]})(OF_SERVICE)


@pytest.mark.parametrize("asked", [{"bogus": ["1"]}, {"kind": ["job"]}, {"action": ["eat"]}])
def test_what_there_is_not_is_refused(asked: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidArgument, match="Invalid filter"):
        selector(asked)
