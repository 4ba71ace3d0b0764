"""Owns which parts of a task are templates, and what they may speak of. Pure.

Counterpart: swarmkit/template/{context,expand,getter}.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.mounts import ConfigReference, Mount, SecretReference, VolumeOptions
from swarmkit_py.model.objects import NodeDescription, Task
from swarmkit_py.model.specs import ContainerSpec
from swarmkit_py.template.language import Fields, expand

Fetch = Callable[[str], bytes]
"""Id of a secret or config → its data. Raises SwarmError for one that is not there."""


def template_context(task: Task, node: NodeDescription) -> Fields:
    """What `.` is: the service, the task and the node it runs on."""
    platform = Fields(Architecture=node.platform.architecture, OS=node.platform.os)
    return Fields(
        Service=Fields(ID=task.service_id, Name=task.service_name, Labels=dict(task.service_labels)),
        Node=Fields(ID=task.node_id, Hostname=node.hostname, Platform=platform),
        Task=Fields(ID=task.id, Name=task.name, Slot=str(task.slot or task.node_id)),
    )


def expand_container(spec: ContainerSpec, context: Fields) -> ContainerSpec:
    """The spec with environment, hostname and mounts filled in. Raises InvalidArgument, naming the field."""
    env = None if spec.env is None else [_expand_env(entry, context) for entry in spec.env]
    mounts = None if spec.mounts is None else [_expand_mount(mount, context) for mount in spec.mounts]
    hostname = _said(f"expanding hostname {spec.hostname!r} failed", spec.hostname or "", context) or None
    return replace(spec, env=env, mounts=mounts, hostname=hostname)


@dataclass(frozen=True)
class Payload:
    """Fills in the data of templated secrets and configs; `env` is the container's, already filled in."""

    context: Fields
    spec: ContainerSpec
    secret: Fetch
    config: Fetch

    def expand(self, name: str, data: bytes) -> bytes:
        """Raises InvalidArgument, naming the secret or config; SwarmError for one that it speaks of."""
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise InvalidArgument(f"expanding template {name} failed: it is not UTF-8 text") from None
        functions = {"env": self._env, "secret": self._secret, "config": self._config}
        try:
            return expand(text, self.context, functions).encode()
        except InvalidArgument as error:
            raise InvalidArgument(f"expanding template {name} failed: {error.message}") from None

    def _env(self, name: str) -> str:
        pairs = (entry.partition("=") for entry in self.spec.env or ())
        return next((value for key, equals, value in pairs if equals and key == name), "")

    def _secret(self, target: str) -> str:
        found = _by_target(self.spec.secrets or (), target)
        if found is None:
            raise InvalidArgument(f"secret target {target} not found")
        return self.secret(found.secret_id).decode(errors="replace")

    def _config(self, target: str) -> str:
        found = _by_target(self.spec.configs or (), target)
        if found is None:
            raise InvalidArgument(f"config target {target} not found")
        return self.config(found.config_id).decode(errors="replace")


R = TypeVar("R", SecretReference, ConfigReference)


def _by_target(references: Iterable[R], target: str) -> R | None:
    return next((ref for ref in references if ref.file is not None and ref.file.name == target), None)


def _expand_env(entry: str, context: Fields) -> str:
    name, equals, value = entry.partition("=")
    return name + equals + _said(f"expanding env {value!r} failed", value, context)


def _expand_mount(mount: Mount, context: Fields) -> Mount:
    source = None if mount.source is None else _said(f"expanding mount source {mount.source!r} failed",
                                                     mount.source, context)
    target = _said(f"expanding mount target {mount.target!r} failed", mount.target, context)
    options = mount.volume_options
    return replace(mount, source=source, target=target,
                   volume_options=None if options is None else _expand_volume(options, context))


def _expand_volume(options: VolumeOptions, context: Fields) -> VolumeOptions:
    labels = None if options.labels is None else _each("expanding volume labels failed", options.labels, context)
    driver = options.driver_config
    if driver is not None and driver.options:
        driver = replace(driver, options=_each("expanding volume driver config failed", driver.options, context))
    return replace(options, labels=labels, driver_config=driver)


def _each(what: str, values: Mapping[str, str], context: Fields) -> dict[str, str]:
    return {key: _said(what, value, context) for key, value in values.items()}


def _said(what: str, text: str, context: Fields) -> str:
    try:
        return expand(text, context)
    except InvalidArgument as error:
        raise InvalidArgument(f"{what}: {error.message}") from None
