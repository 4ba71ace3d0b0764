"""Owns the transactions behind `docker service create`, `update`, `scale`, `rm`. No routes, no tasks.

Counterpart: swarmkit/manager/controlapi/service.go.
"""

from __future__ import annotations

from msgspec.structs import replace

from swarmkit_py.errors import AlreadyExists, FailedPrecondition, Unimplemented
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import lookup, names
from swarmkit_py.manager.control.attachments import with_networks
from swarmkit_py.manager.control.normal import essence, normalise
from swarmkit_py.manager.control.not_yet import refuse_not_yet, refuse_update
from swarmkit_py.manager.control.ports import check_ports
from swarmkit_py.manager.control.references import check_existence, check_references
from swarmkit_py.manager.control.rules import check_service
from swarmkit_py.manager.defaults import service_with_defaults
from swarmkit_py.model.objects import Service
from swarmkit_py.model.specs import ServiceMode, ServiceSpec
from swarmkit_py.store.memory import Transaction


def create(tx: Transaction, ids: Ids, spec: ServiceSpec) -> Service:
    """Check and store a new service. Raises InvalidArgument, AlreadyExists, NotFound (network), Unimplemented."""
    taken = {service.spec.name.lower() for service in tx.all(Service)}
    if not spec.name:
        spec = replace(spec, name=names.fresh_name(taken, ids.object_id))
    spec = _accepted(tx, spec)
    refuse_not_yet(spec)
    if spec.name.lower() in taken:
        raise AlreadyExists(
            f"name conflicts with an existing object: service {spec.name} already exists", rpc=True)
    service_id = ids.object_id()
    check_ports(spec, service_id, tx.all(Service))
    return tx.create(Service(id=service_id, spec=spec, spec_index=tx.index))


def update(tx: Transaction, ref: str, version: int, spec: ServiceSpec) -> Service:
    """Replace a service's spec. Raises also OutOfSequence for a stale `version`, Unimplemented for a new name or
    mode and for what needs a rolling update."""
    service = lookup.service(tx.all(Service), ref)
    spec = _accepted(tx, spec)
    check_ports(spec, service.id, tx.all(Service))
    if spec.name != service.spec.name:
        raise Unimplemented("renaming services is not supported", rpc=True)
    if _mode_name(spec.mode) != _mode_name(service.spec.mode):
        raise Unimplemented("service mode change is not allowed", rpc=True)
    spec = _kept_template(service.spec, spec)
    changed = replace(service, spec=spec, previous_spec=service.spec, previous_spec_index=service.spec_index,
                      update_status=None)
    stored = tx.update(changed, expect=version)
    refuse_not_yet(spec)
    refuse_update(service.spec, spec)
    return stored


def _kept_template(old: ServiceSpec, new: ServiceSpec) -> ServiceSpec:
    """`new` with the stored task template if it asks for the same: clients that read with defaults filled in (the
    docker SDK) send those back, and a default that is now spelled out is no reason to replace a task."""
    wanted, had = (essence(service_with_defaults(spec).task_template) for spec in (new, old))
    return replace(new, task_template=old.task_template) if wanted == had else new


def rollback(tx: Transaction, ref: str) -> Service:
    """`docker service rollback`. Raises FailedPrecondition without a previous spec, Unimplemented with one."""
    service = lookup.service(tx.all(Service), ref)
    if service.previous_spec is None:
        raise FailedPrecondition(f"service {service.id} does not have a previous spec", rpc=True)
    raise Unimplemented("rolling back comes with rolling updates, not there yet in this swarm: "
                        "scale or update the service to what it was")


def remove(tx: Transaction, ref: str) -> None:
    """Delete the service; its orchestrator then removes the tasks."""
    tx.delete(Service, lookup.service(tx.all(Service), ref).id)


def _accepted(tx: Transaction, spec: ServiceSpec) -> ServiceSpec:
    """The spec as stored, if nothing is wrong with it."""
    spec = normalise(spec)
    check_service(spec)
    check_references(spec)
    check_existence(tx, spec.task_template.container_spec)
    return with_networks(tx, spec)


def _mode_name(mode: ServiceMode) -> str:
    return next(name for name in mode.__struct_fields__ if getattr(mode, name) is not None)
