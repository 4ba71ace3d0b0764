"""Owns which engine, images and network a node gets for its runtime.

What real nodes need is imported at once: hosts are forked from a parent that has imported it (decision 16).

Counterpart: moby/daemon/daemon.go (NewDaemon).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from swarmkit_py.agent.attachments import AttachingNetwork, Attachments
from swarmkit_py.clock import Clock
from swarmkit_py.errors import InvalidArgument
from swarmkit_py.ids import Ids
from swarmkit_py.network.base import LocalNetworks, NodeNetwork
from swarmkit_py.network.controller import NetworkController
from swarmkit_py.node.options import RUNTIMES, NodeOptions
from swarmkit_py.runtime.base import ContainerEngine, ImageKeeper
from swarmkit_py.runtime.base_mounts import VolumeStore
from swarmkit_py.runtime.engine import Engine
from swarmkit_py.runtime.node_images import NodeImages
from swarmkit_py.runtime.volumes import LocalVolumes


@dataclass(frozen=True)
class Parts:
    """What runs containers on this node. `start` takes up what an earlier daemon left, `stop` leaves it running."""

    engine: ContainerEngine
    images: ImageKeeper
    volumes: VolumeStore
    network: NodeNetwork
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    bridges: LocalNetworks
    attachments: Attachments


def make_parts(options: NodeOptions, clock: Clock, ids: Ids) -> Parts:
    """Inside the event loop. Raises InvalidArgument for an unknown runtime."""
    if options.runtime == "runc":
        return _real(options, clock, ids)
    if options.runtime == "docker":
        return _docker(options, clock, ids)
    if options.runtime == "fake":
        return _fake(options, clock, ids)
    raise InvalidArgument(f"unknown runtime {options.runtime!r}: one of {', '.join(RUNTIMES)}")


def _real(options: NodeOptions, clock: Clock, ids: Ids) -> Parts:
    network = NetworkController(options.exec_root, clock, keep=options.data_root / "networks", ids=ids)
    volumes = LocalVolumes(options.data_root / "volumes", clock, ids)
    images = NodeImages(options.images, options.data_root / "images", clock)
    attachments = Attachments(clock, ids)
    engine = Engine(
        network=AttachingNetwork(network, network, attachments), images=images, clock=clock, ids=ids,
        data_root=options.data_root, exec_root=options.exec_root, cgroup_parent=options.cgroup_parent,
        volumes=volumes)

    async def start() -> None:
        await network.start()
        await engine.restore()
        attachments.restore(engine.all())

    async def stop() -> None:
        await engine.close()
        await network.stop()

    return Parts(engine, images, volumes, network, start, stop, network, attachments)


def _docker(options: NodeOptions, clock: Clock, ids: Ids) -> Parts:
    from swarmkit_py.runtime.docker import DockerEngine, DockerImages
    from swarmkit_py.runtime.docker.client import DockerClient
    from swarmkit_py.runtime.docker.volumes import DockerVolumes

    network = NetworkController(options.exec_root, clock, keep=options.data_root / "networks", ids=ids)
    client = DockerClient(options.docker_host)
    engine = DockerEngine(client, network=network, clock=clock, owner=str(options.data_root.absolute()))

    async def start() -> None:
        await network.start()
        await engine.restore()

    async def stop() -> None:
        await engine.close()
        await network.stop()

    images = DockerImages(client, options.data_root / "spool")
    return Parts(engine, images, DockerVolumes(client), network, start, stop, network, Attachments(clock, ids))


def _fake(options: NodeOptions, clock: Clock, ids: Ids) -> Parts:
    from swarmkit_py.network.fake import FakeNetwork
    from swarmkit_py.runtime.fake import FakeEngine

    network = FakeNetwork()
    images = NodeImages(options.images, options.data_root / "images", clock)
    known = images if options.images.is_dir() else None  # without an image store, every image is "there"
    engine = FakeEngine(clock, ids, network=network, images=known)
    volumes = LocalVolumes(options.data_root / "volumes", clock, ids)
    return Parts(engine, images, volumes, network, _nothing, _nothing, network, Attachments(clock, ids))


async def _nothing() -> None:
    """There is nothing to take up or to leave."""
