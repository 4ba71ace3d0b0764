"""A request's field names may come in any case; a user's own map keys are left alone."""

from __future__ import annotations

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.spelling import canonical
from swarmkit_py.model.specs import ServiceSpec


def test_docker_py_spells_the_mode_in_lower_case() -> None:
    spec = convert_body({"Name": "web", "Mode": {"replicated": {"Replicas": 3}}}, ServiceSpec)
    assert spec.mode.replicated is not None
    assert spec.mode.replicated.replicas == 3


def test_names_deep_inside_lists_are_found() -> None:
    spec = convert_body({"endpointSPEC": {"ports": [{"TARGETPORT": 80}]}}, ServiceSpec)
    assert spec.endpoint_spec is not None and spec.endpoint_spec.ports is not None
    assert spec.endpoint_spec.ports[0].target_port == 80


def test_label_keys_and_unknown_fields_stay_as_they_are() -> None:
    body = {"Labels": {"Name": "x", "TIER": "y"}, "Novelty": {"name": 1}}
    assert canonical(body, ServiceSpec) == body
