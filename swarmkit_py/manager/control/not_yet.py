"""Owns the list of what Docker can and this swarm cannot do yet, so that nothing asked for is dropped in silence.

Each entry goes away in one place when the feature arrives. Pure. No counterpart.
"""

from __future__ import annotations

from collections.abc import Iterator

from swarmkit_py.errors import Unimplemented
from swarmkit_py.manager.control.normal import essence
from swarmkit_py.model.specs import ContainerSpec, EndpointSpec, ServiceSpec, TaskSpec

_CONTAINER_FIELDS = {
    "privileges": "--credential-spec",
}
"""Fields of a container spec that no runtime here executes, and the option that sets them."""
_LOG_DRIVERS = ("", "json-file", "local", "none")


def refuse_not_yet(spec: ServiceSpec) -> None:
    """Raises Unimplemented naming the first field of a (normalised) spec that would not be carried out."""
    for missing in _missing(spec):
        raise Unimplemented(f"{missing} is not there yet in this swarm; leave it out")


def _missing(spec: ServiceSpec) -> Iterator[str]:
    yield from _missing_in_task(spec.task_template)
    if spec.endpoint_spec is not None:
        yield from _missing_in_endpoint(spec.endpoint_spec)


def _missing_in_task(template: TaskSpec) -> Iterator[str]:
    if template.network_attachment_spec is not None:
        yield "a service that is a place on a network (TaskTemplate.NetworkAttachmentSpec)"
    if template.runtime != "container":
        yield f"runtime {template.runtime} (TaskTemplate.Runtime)"
    if template.container_spec is not None:
        yield from _missing_in_container(template.container_spec)
    driver = template.log_driver or {}
    if driver.get("Name", "") not in _LOG_DRIVERS:
        yield f"--log-driver {driver['Name']} (TaskTemplate.LogDriver)"
    for network in template.networks or []:
        if network.driver_opts:
            yield "driver-opt of a service's network (TaskTemplate.Networks)"


def _missing_in_container(container: ContainerSpec) -> Iterator[str]:
    said = essence(container)
    for field, option in _CONTAINER_FIELDS.items():
        name = type(container).__struct_encode_fields__[type(container).__struct_fields__.index(field)]
        if said.get(name):
            yield f"{option} (ContainerSpec.{name})"


def _missing_in_endpoint(endpoint: EndpointSpec) -> Iterator[str]:
    if any(port.protocol == "sctp" for port in endpoint.ports or []):
        yield "publishing an sctp port (EndpointSpec.Ports)"
