"""What `insertDefaults` shows, against what a real swarm showed."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from swarmkit_py.manager import defaults
from swarmkit_py.model.specs import (
    ClusterSpec,
    ReplicatedService,
    RestartPolicy,
    ServiceMode,
    ServiceSpec,
    TaskSpec,
    UpdateConfig,
)
from tests.builders import spec


def test_a_service_with_defaults() -> None:
    shown = msgspec.to_builtins(defaults.service_with_defaults(spec("web", replicas=None)))
    assert shown["Mode"] == {"Replicated": {"Replicas": 1}}
    assert shown["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] == 10_000_000_000
    assert shown["TaskTemplate"]["ContainerSpec"]["DNSConfig"] == {}
    assert shown["TaskTemplate"]["RestartPolicy"] == {"Condition": "any", "Delay": 5_000_000_000, "MaxAttempts": 0}
    assert shown["UpdateConfig"] == shown["RollbackConfig"] == {
        "Parallelism": 1, "FailureAction": "pause", "Monitor": 5_000_000_000, "MaxFailureRatio": 0.0,
        "Order": "stop-first"}
    assert shown["EndpointSpec"]["Mode"] == "vip"


def test_what_was_asked_for_stays() -> None:
    asked = replace(
        spec(), update_config=UpdateConfig(parallelism=0, order="start-first"),
        task_template=TaskSpec(restart_policy=RestartPolicy(condition="none")))
    shown = defaults.service_with_defaults(asked)
    assert shown.update_config == UpdateConfig(
        parallelism=0, order="start-first", failure_action="pause", monitor=5_000_000_000)
    assert shown.task_template.restart_policy == RestartPolicy(condition="none", delay=5_000_000_000, max_attempts=0)


def test_replicas_of_each_mode() -> None:
    def of(mode: ServiceMode) -> int:
        return defaults.replicas(ServiceSpec(mode=mode))

    assert of(ServiceMode(replicated=ReplicatedService(replicas=0))) == 0
    assert of(ServiceMode(replicated=ReplicatedService())) == 1
    assert of(ServiceMode(global_={})) == 0


def test_a_cluster_s_spec_as_the_cli_sends_it_is_filled_up() -> None:
    filled = defaults.cluster_with_defaults(msgspec.convert(
        {"Orchestration": {}, "Raft": {"ElectionTick": 0, "HeartbeatTick": 0}, "Dispatcher": {}, "CAConfig": {}},
        ClusterSpec))
    assert filled == defaults.cluster_with_defaults(None) == defaults.CLUSTER_SPEC
