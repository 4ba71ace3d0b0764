"""When a task is of an older spec, and when a new spec means the same tasks."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py.manager.versions import is_dirty, spec_index_after
from swarmkit_py.model.objects import Endpoint, Node, Service, Task
from swarmkit_py.model.specs import EndpointSpec, NetworkAttachmentConfig, ServiceSpec
from tests.builders import node, port, service, spec, task

HERE = node("here", labels={"disk": "ssd"})


def after(change: dict[str, Any]) -> Service:
    return replace(service(**change), spec_index=9)


def there(**of: Any) -> Task:
    made = service(**of)
    return replace(task(made, node_id=HERE.id), endpoint=Endpoint(spec=made.spec.endpoint_spec), spec_index=1)


@pytest.mark.parametrize(("change", "where", "dirty"), [
    ({}, HERE, False),
    ({"replicas": 7, "labels": {"a": "b"}}, HERE, False),
    ({"image": "nginx:2"}, HERE, True),
    ({"cpus": 1}, HERE, True),
    ({"ports": [port(81)]}, HERE, True),
    ({"constraints": ["node.labels.disk==ssd"]}, HERE, False),
    ({"constraints": ["node.labels.disk==hdd"]}, HERE, True),
    ({"constraints": ["node.labels.disk==ssd"]}, None, True),
    ({"constraints": ["node.labels.disk==ssd"], "image": "nginx:2"}, HERE, True),
])
def test_dirty(change: dict[str, Any], where: Node | None, dirty: bool) -> None:
    assert is_dirty(after(change), there(), where) is dirty


def test_a_task_that_quotes_the_version_is_current_without_a_look() -> None:
    assert not is_dirty(after({"image": "nginx:2"}), replace(there(), spec_index=9), HERE)


def test_how_a_name_resolves_matters_only_on_a_network() -> None:
    def on(mode: str, networks: list[NetworkAttachmentConfig] | None) -> ServiceSpec:
        plain = spec()
        return replace(plain, endpoint_spec=EndpointSpec(mode=mode),
                       task_template=replace(plain.task_template, networks=networks))

    for networks, dirty in ((None, False), ([NetworkAttachmentConfig(target="n1")], True)):
        asked = replace(service(), spec=on("dnsrr", networks), spec_index=9)
        had = on("vip", networks)
        made = replace(there(), spec=had.task_template, endpoint=Endpoint(spec=had.endpoint_spec))
        assert is_dirty(asked, made, HERE) is dirty


def test_networks_named_beside_the_template_are_the_same_networks() -> None:
    networks = [NetworkAttachmentConfig(target="n1")]
    beside = replace(spec(), networks=networks)
    inside = replace(spec(), task_template=replace(spec().task_template, networks=networks))
    assert spec_index_after(replace(service(), spec=beside, spec_index=3), inside, 9) == 3
