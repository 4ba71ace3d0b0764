"""Owns `GET /metrics`, the swarm's figures in the form Prometheus reads. Counterpart: dockerd's --metrics-addr.

It answers on the API's socket: `curl --unix-socket docker.sock http://docker/metrics`.
"""

from __future__ import annotations

from aiohttp import web

from swarmkit_py.docker_api.call import Call
from swarmkit_py.docker_api.metrics import Gauge, Swarm, of_node, of_swarm
from swarmkit_py.docker_api.routing import Route


async def metrics(call: Call) -> web.StreamResponse:
    """Nothing but comments outside of a swarm."""
    # Nobody else needs the library, and most daemons are never asked.
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client import Gauge as Family

    registry = CollectorRegistry()
    for gauge in _gauges(call):
        family = Family(gauge.name, gauge.help, [gauge.label] if gauge.label else [], registry=registry)
        for value, count in gauge.values.items():
            (family.labels(value) if gauge.label else family).set(count)
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _gauges(call: Call) -> list[Gauge]:
    info = call.backend.swarm_info()
    if not info.node_id:
        return []
    found = list(of_node(info.node_id, info.control_available))
    if info.control_available:
        control = call.backend.control_view()
        found += of_swarm(Swarm(
            control.list_nodes(), control.list_tasks(), len(control.list_services()), len(control.list_networks()),
            len(control.list_secrets()), len(control.list_configs())))
    return found


ROUTES = [Route("GET", "/metrics", metrics)]
