"""Owns the secrets and configs that this node was told, in memory only, and waiting for those that a task needs.

After a restart of the daemon there are none until a manager has sent them again: tasks that run have theirs in their
containers, a task that is still to be prepared waits. Nothing here is ever written down.
Counterpart: swarmkit/agent/{dependency,secrets,configs}.go, template/getter.go.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Iterator

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.mounts import FileTarget
from swarmkit_py.model.objects import Config, Secret
from swarmkit_py.model.specs import ConfigSpec, ContainerSpec, SecretSpec
from swarmkit_py.rpc.messages import Assignments
from swarmkit_py.runtime.base_mounts import ContainerFile
from swarmkit_py.template import Payload
from swarmkit_py.template.language import Fields

SECRETS_AT = "/run/secrets"


class Dependencies:
    """`apply` each message; `ready` waits; `files` makes what goes into a container."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self._configs: dict[str, Config] = {}
        self._news = asyncio.Event()

    def apply(self, message: Assignments) -> None:
        """Take what the manager says; a whole set replaces all."""
        if message.complete:
            self._secrets, self._configs = {}, {}
        for secret_id in message.removed_secrets:
            self._secrets.pop(secret_id, None)
        for config_id in message.removed_configs:
            self._configs.pop(config_id, None)
        self._secrets.update((secret.id, secret) for secret in message.secrets)
        self._configs.update((config.id, config) for config in message.configs)
        self._news.set()
        self._news = asyncio.Event()

    def missing(self, spec: ContainerSpec) -> list[str]:
        """`secret NAME`, `config NAME` for all that the container names and this node was not told."""
        return [
            *(f"secret {ref.secret_name}" for ref in spec.secrets or () if ref.secret_id not in self._secrets),
            *(f"config {ref.config_name}" for ref in spec.configs or () if ref.config_id not in self._configs),
        ]

    async def ready(self, spec: ContainerSpec, waits_for: Callable[[str], None]) -> None:
        """Return when nothing is missing; `waits_for` is told once what a wait is for."""
        said = False
        while missing := self.missing(spec):
            if not said:
                waits_for(", ".join(missing))
                said = True
            await self._news.wait()

    def files(self, spec: ContainerSpec, context: Fields) -> list[ContainerFile]:
        """The container's secrets and configs, templates filled in; `spec` is filled in already. Raises
        InvalidArgument for owners that are no numbers and templates that cannot be filled in."""
        payload = Payload(context, spec, self._secret, self._config)
        return [*self._secret_files(spec, payload), *self._config_files(spec, payload)]

    def _secret_files(self, spec: ContainerSpec, payload: Payload) -> Iterator[ContainerFile]:
        for ref in spec.secrets or ():
            if ref.file is not None:
                yield _file(ref.file, SECRETS_AT, _data(self._secrets[ref.secret_id].spec, payload))

    def _config_files(self, spec: ContainerSpec, payload: Payload) -> Iterator[ContainerFile]:
        for ref in spec.configs or ():
            if ref.file is not None:
                yield _file(ref.file, "/", _data(self._configs[ref.config_id].spec, payload))

    def _secret(self, secret_id: str) -> bytes:
        return self._secrets[secret_id].spec.data

    def _config(self, config_id: str) -> bytes:
        return self._configs[config_id].spec.data


def _data(spec: SecretSpec | ConfigSpec, payload: Payload) -> bytes:
    if not (spec.templating or {}).get("Name"):
        return spec.data
    return payload.expand(spec.name, spec.data)


def _file(target: FileTarget, folder: str, data: bytes) -> ContainerFile:
    return ContainerFile(
        path=posixpath.normpath(posixpath.join(folder, target.name)), data=data,
        uid=_number("uid", target.uid), gid=_number("gid", target.gid), mode=target.mode)


def _number(what: str, text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise InvalidArgument(f"invalid {what} {text!r} of a secret or config: it must be a number")
    return int(text or 0)
