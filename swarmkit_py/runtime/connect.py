"""Owns which networks a container of one's own is on, from its making on: connecting and disconnecting it. Must not
know how a network plugs it in (`SandboxNetwork`).

What is asked for is kept in the container's config, so that it holds for each later start.
Counterpart: moby/daemon/container_operations.go (ConnectToNetwork, DisconnectFromNetwork).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.model.local import LocalPlace
from swarmkit_py.runtime import files
from swarmkit_py.runtime.base import Container, Sandbox, SandboxNetwork, SandboxSpec
from swarmkit_py.runtime.cells import Cells
from swarmkit_py.runtime.launcher import effective_hostname

DOCKER0 = "bridge"
PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"


def connected(wanted: SandboxSpec | None, place: LocalPlace) -> SandboxSpec:
    """On one more network. Raises errors.InvalidArgument, errors.PermissionDenied (it is on it)."""
    wanted = _changeable(wanted)
    if any(place.network == other.network for other in _places(wanted)):
        raise errors.PermissionDenied(f"endpoint with name {{name}} already exists in network {place.network}")
    return replace(wanted, mode="bridge", locals=[*_places(wanted), place])


def disconnected(wanted: SandboxSpec | None, names: Collection[str]) -> SandboxSpec | None:
    """Off the network of these names; None if it is not on it. Raises errors.InvalidArgument."""
    wanted = _changeable(wanted)
    places = _places(wanted)
    left = [place for place in places if place.network not in names]
    if len(left) == len(places):
        return None
    return replace(wanted, mode="bridge" if left else "unplugged", locals=left)


def start_spec(container: Container) -> SandboxSpec:
    """What the container's sandbox is to be."""
    wanted = container.config.sandbox or SandboxSpec(id=container.id)
    asked = container.config.dns.nameservers if container.config.dns is not None else None
    return replace(wanted, id=container.id, namespace="", names=[container.name, container.id[:12]],
                   nameservers=wanted.nameservers or list(asked or ()))


def _changeable(wanted: SandboxSpec | None) -> SandboxSpec:
    wanted = wanted or SandboxSpec(id="")
    if wanted.mode == "task":
        raise errors.PermissionDenied(
            "this container is a task's: its networks are its service's (docker service update --network-add)")
    if wanted.mode in ("none", "host"):
        raise errors.InvalidArgument(PRIVATE if wanted.mode == "none" else SHARED)
    return wanted


def _places(wanted: SandboxSpec) -> list[LocalPlace]:
    """docker0 is what there is where nothing was said."""
    return wanted.locals or ([LocalPlace(network=DOCKER0)] if wanted.mode == "bridge" else [])


class Connections:
    """Changes what containers are connected to, whether they run or not."""

    def __init__(self, cells: Cells, network: SandboxNetwork) -> None:
        self._cells, self._network = cells, network

    async def connect(self, ref: str, place: LocalPlace) -> None:
        """See ContainerExtras."""
        container_id = self._cells.registry.get(ref).id
        async with self._cells.get(container_id).lock:
            container = self._cells.registry.get(container_id)
            try:
                wanted = connected(container.config.sandbox, place)
            except errors.PermissionDenied as error:
                raise errors.PermissionDenied(error.message.replace("{name}", container.name)) from None
            await self._change(container, wanted)

    async def disconnect(self, ref: str, names: Collection[str]) -> str:
        """See ContainerExtras."""
        container_id = self._cells.registry.get(ref).id
        async with self._cells.get(container_id).lock:
            container = self._cells.registry.get(container_id)
            before = container.config.sandbox
            wanted = disconnected(before, names)
            if wanted is None:
                raise errors.Internal(
                    f"container {container.id} is not connected to network {next(iter(names), '')}")
            await self._change(container, wanted)
            return next(p.network for p in _places(before or SandboxSpec(id="")) if p.network in names)

    async def _change(self, container: Container, wanted: SandboxSpec) -> None:
        """The network first: what it refuses is not kept."""
        wanted = replace(wanted, overlays=[])
        changed = replace(container, config=replace(container.config, sandbox=wanted))
        sandbox = await self._network.change_sandbox(start_spec(changed)) if container.running else None
        changed = self._cells.registry.update(container.id, config=changed.config, sandbox=sandbox)
        if sandbox is not None:
            self._rewrite(changed, sandbox)
        self._cells.save_or_note(container.id)

    def _rewrite(self, container: Container, sandbox: Sandbox) -> None:
        """The files that the container sees: in place, since they are bound into it."""
        home = self._cells.storage.home(container.id)
        dns = container.config.dns
        texts = {
            "hosts": files.hosts(effective_hostname(container), sandbox, container.config.extra_hosts),
            "resolv.conf": files.resolv_conf(
                Path("/etc/resolv.conf").read_text(errors="replace"), own_namespace=bool(sandbox.path),
                resolver=sandbox.resolver, dns=dns),
        }
        for name, text in texts.items():
            try:
                (home / name).write_text(text)
            except OSError as error:
                self._cells.registry.update(container.id, error=f"/etc/{name} is not up to date: {error.strerror}")
