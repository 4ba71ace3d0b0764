"""`GET /metrics`: figures that Prometheus' own parser reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.engine.api_rig import Client, served


async def figures(client: Client) -> dict[str, float]:
    """By name, with the label's value: `swarm_manager_nodes/ready`."""
    async with client.session.get("http://docker/metrics") as answer:
        assert answer.status == 200 and answer.content_type == "text/plain"
        text = await answer.text()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {"/".join([sample.name, *sample.labels.values()]): sample.value for sample in samples}


async def test_outside_of_a_swarm_there_is_nothing_to_count() -> None:
    async with served() as client:
        assert await figures(client) == {}


async def test_a_manager_counts_nodes_tasks_and_services() -> None:
    async with served() as client:
        status, _ = await client.post("/swarm/init", {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "10.7.0.1"})
        assert status == 200
        before = await figures(client)
        assert before["swarm_manager_nodes/ready"] == 3 and before["swarm_manager_nodes/down"] == 0
        assert before["swarm_manager_leader"] == before["swarm_node_manager"] == 1
        assert before["swarm_manager_services_total"] == 0
        spec = {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}},
                "Mode": {"Replicated": {"Replicas": 2}}}
        status, _ = await client.post("/services/create", spec)
        assert status == 201
        after = await figures(client)
        assert after["swarm_manager_services_total"] == 1
        assert sum(value for name, value in after.items() if name.startswith("swarm_manager_tasks_total/")) == 2
