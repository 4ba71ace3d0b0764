"""Owns what a container spec may say of secrets, configs, mounts and templates, in SwarmKit's words.

Counterpart: validateSecretRefsSpec, validateConfigRefsSpec, checkSecretExistence, checkConfigExistence and
validateContainerSpec in swarmkit/manager/controlapi/service.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.mounts import FileTarget, Mount
from swarmkit_py.model.objects import Config, NodeDescription, Secret, Task
from swarmkit_py.model.specs import ContainerSpec, ServiceSpec
from swarmkit_py.store.memory import Transaction
from swarmkit_py.template import expand_container, template_context

_MOUNT_TYPES = ("bind", "volume", "tmpfs", "npipe", "cluster")


class _Reference(NamedTuple):
    id: str
    name: str
    file: FileTarget | None


def check_references(spec: ServiceSpec) -> None:
    """Raises InvalidArgument for the first thing wrong in the spec itself, Unimplemented for a kind of mount or
    config that there is not here."""
    container = spec.task_template.container_spec
    if container is None:
        return
    for mount in container.mounts or ():
        _check_mount_type(mount)
    container = _as_if_expanded(spec, container)
    _check_mounts(container.mounts or ())
    _check_files("secret", _secrets(container))
    for config in container.configs or ():
        if config.runtime is not None:
            raise Unimplemented("a config for the engine itself (credential spec) is not there in this swarm")
    _check_files("config", _configs(container))


def check_existence(tx: Transaction, container: ContainerSpec | None) -> None:
    """Raises InvalidArgument for secrets and configs that are not there (or not by that name)."""
    if container is None:
        return
    _check_there("secret", _secrets(container), {row.id: row.spec.name for row in tx.all(Secret)})
    _check_there("config", _configs(container), {row.id: row.spec.name for row in tx.all(Config)})


def _secrets(container: ContainerSpec) -> list[_Reference]:
    return [_Reference(ref.secret_id, ref.secret_name, ref.file) for ref in container.secrets or ()]


def _configs(container: ContainerSpec) -> list[_Reference]:
    return [_Reference(ref.config_id, ref.config_name, ref.file) for ref in container.configs or ()]


def _as_if_expanded(spec: ServiceSpec, container: ContainerSpec) -> ContainerSpec:
    """The container of an invented task: a template that cannot be read is refused now, not by each task."""
    task = Task(id="taskid", spec=spec.task_template, service_id="serviceid", slot=1, node_id="nodeid",
                service_name=spec.name, service_labels=spec.labels)
    try:
        return expand_container(container, template_context(task, NodeDescription(hostname="nodeHostname")))
    except InvalidArgument as error:
        raise InvalidArgument(error.message, rpc=True) from None


def _check_mount_type(mount: Mount) -> None:
    if mount.type and mount.type.lower() not in _MOUNT_TYPES:
        raise InvalidArgument(f'invalid MountType: "{mount.type}"')
    if mount.type in ("npipe", "cluster"):
        what = "named pipes are for Windows" if mount.type == "npipe" else "cluster volumes need a CSI plugin"
        raise Unimplemented(f"a mount of type {mount.type} is not there in this swarm ({what}): "
                            "use bind, volume or tmpfs")


def _check_mounts(mounts: Iterable[Mount]) -> None:
    seen = set()
    for mount in mounts:
        if mount.target in seen:
            raise InvalidArgument(f"ContainerSpec: duplicate mount point: {mount.target}", rpc=True)
        seen.add(mount.target)


def _check_files(noun: str, references: Sequence[_Reference]) -> None:
    targets: dict[str, str] = {}
    for ref in references:
        if not ref.id or not ref.name:
            raise InvalidArgument(f"malformed {noun} reference", rpc=True)
        if ref.file is None:
            raise InvalidArgument(f"malformed {noun} reference, no target provided", rpc=True)
        if not ref.file.name:
            raise InvalidArgument(
                f"malformed file {noun} reference, invalid target file name provided", rpc=True)
        if ref.file.name in targets:
            raise InvalidArgument(
                f"{noun} references '{targets[ref.file.name]}' and '{ref.name}' have a conflicting target: "
                f"'{ref.file.name}'", rpc=True)
        targets[ref.file.name] = ref.name


def _check_there(noun: str, references: Sequence[_Reference], names: dict[str, str]) -> None:
    missing = [ref.name for ref in references if names.get(ref.id) != ref.name]
    if missing:
        raise InvalidArgument(f"{noun}{'s' if len(missing) > 1 else ''} not found: {', '.join(missing)}", rpc=True)
