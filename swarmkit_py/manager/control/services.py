"""Owns the transactions behind `docker service create`, `update`, `scale`, `rm`. No routes, no tasks.

Counterpart: swarmkit/manager/controlapi/service.go.
"""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from swarmkit_py.errors import AlreadyExists, FailedPrecondition, Unimplemented
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import lookup, names
from swarmkit_py.manager.control.attachments import with_networks
from swarmkit_py.manager.control.normal import essence, normalise
from swarmkit_py.manager.control.not_yet import refuse_not_yet
from swarmkit_py.manager.control.ports import check_ports
from swarmkit_py.manager.control.references import check_existence, check_references
from swarmkit_py.manager.control.rules import check_service
from swarmkit_py.manager.defaults import service_with_defaults
from swarmkit_py.manager.versions import rolled_back, spec_index_after
from swarmkit_py.model.objects import JobStatus, Service, UpdateStatus
from swarmkit_py.model.specs import ServiceMode, ServiceSpec
from swarmkit_py.store.memory import Transaction


def create(tx: Transaction, ids: Ids, now: datetime, spec: ServiceSpec) -> Service:
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
    job = JobStatus(last_execution=now) if _is_job(spec.mode) else None
    return tx.create(Service(id=service_id, spec=spec, spec_index=tx.index, job_status=job))


def update(tx: Transaction, ref: str, version: int, now: datetime, spec: ServiceSpec) -> Service:
    """Replace a service's spec: the updater then replaces its tasks, or a job runs again. Raises what `create` does,
    OutOfSequence for a stale `version`, Unimplemented for a new name or mode."""
    service = lookup.service(tx.all(Service), ref)
    spec = _accepted(tx, spec)
    check_ports(spec, service.id, tx.all(Service))
    if spec.name != service.spec.name:
        raise Unimplemented("renaming services is not supported", rpc=True)
    if _mode_name(spec.mode) != _mode_name(service.spec.mode):
        raise Unimplemented("service mode change is not allowed", rpc=True)
    spec = _kept_words(service.spec, spec)
    changed = replace(
        service, spec=spec, spec_index=spec_index_after(service, spec, tx.index), previous_spec=service.spec,
        previous_spec_index=service.spec_index, update_status=None, job_status=_next_run(service.job_status, now))
    stored = tx.update(changed, expect=version)
    refuse_not_yet(spec)
    return stored


def _kept_words(old: ServiceSpec, new: ServiceSpec) -> ServiceSpec:
    """`new` with the stored task template and endpoint where it asks for the same: clients that read with defaults
    filled in (the docker SDK) send those back, and a default that is spelled out is no reason to replace a task."""
    wanted, had = service_with_defaults(new), service_with_defaults(old)
    if essence(wanted.task_template) == essence(had.task_template):
        new = replace(new, task_template=old.task_template)
    if essence(wanted.endpoint_spec) == essence(had.endpoint_spec):
        new = replace(new, endpoint_spec=old.endpoint_spec)
    return new


def rollback(tx: Transaction, ref: str, version: int, now: datetime) -> Service:
    """`docker service rollback`: what the service was before, and that becomes what it was. Raises FailedPrecondition
    without a previous spec, OutOfSequence, and what `update` raises if the old spec cannot be any more."""
    service = lookup.service(tx.all(Service), ref)
    if service.previous_spec is None:
        raise FailedPrecondition(f"service {service.id} does not have a previous spec", rpc=True)
    _accepted(tx, service.previous_spec)
    check_ports(service.previous_spec, service.id, tx.all(Service))
    status = UpdateStatus(state="rollback_started", started_at=now, message="manually requested rollback")
    back = rolled_back(service, tx.index, status, again=True)
    return tx.update(replace(back, job_status=_next_run(service.job_status, now)), expect=version)


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


def _is_job(mode: ServiceMode) -> bool:
    return mode.replicated_job is not None or mode.global_job is not None


def _next_run(status: JobStatus | None, now: datetime) -> JobStatus | None:
    """A job runs anew for every update, whatever it changes (Docker's rule)."""
    return None if status is None else JobStatus(iteration=status.iteration + 1, last_execution=now)


def _mode_name(mode: ServiceMode) -> str:
    return next(name for name in mode.__struct_fields__ if getattr(mode, name) is not None)
