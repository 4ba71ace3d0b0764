"""Owns a node for tests of the API: the real store and the real manager's verbs, an engine of plain processes, and
loops that answer a service with running tasks at once. No network, no certificates but a root, no root rights."""

from __future__ import annotations

import asyncio
import datetime
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from swarmkit_py.clock import SystemClock
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest, Passage, RemoteManager, SwarmInfo
from swarmkit_py.errors import Conflict, FailedPrecondition, InvalidArgument, NoLeader, NotFound, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.manager.control import ClusterSeed, Control, seed_cluster
from swarmkit_py.model.assignment import NetworkAssignment
from swarmkit_py.model.objects import (
    Attachment,
    ContainerStatus,
    Endpoint,
    EngineDescription,
    JoinTokens,
    Network,
    Node,
    NodeDescription,
    NodeStatus,
    Service,
    Task,
    TaskStatus,
    TLSInfo,
    VirtualIP,
)
from swarmkit_py.model.specs import NodeSpec, Platform, Resources
from swarmkit_py.model.states import NodeState, Role, TaskState
from swarmkit_py.network.fake import FakeNetwork
from swarmkit_py.rpc.messages import LogLineMessage
from swarmkit_py.runtime.base import Image, LogOptions, Pulled
from swarmkit_py.runtime.volumes import LocalVolumes
from swarmkit_py.store.memory import Store
from tests.engine.local_engine import LocalEngine

NO_SWARM = ('This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
            "to swarm and try again.")
WORKER = ("This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. Please run "
          "this command on a manager node or promote the current node to a manager.")
ALREADY = ('This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.')


class FakeImages:
    """An ImageKeeper of three images that are nothing but names and a command; archives of images it has none."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.images = [
            Image(id="sha256:" + "a" * 64, tags=["nginx:latest", "nginx:1.18"], digest="sha256:" + "d" * 64,
                  digests=["nginx@sha256:" + "d" * 64], size=50_000_000,
                  config={"Cmd": ["sleep", "1000"], "ExposedPorts": {"80/tcp": {}}}),
            Image(id="sha256:" + "b" * 64, tags=["busybox:latest"], digest="sha256:" + "e" * 64,
                  digests=["busybox@sha256:" + "e" * 64], size=4_000_000, config={"Cmd": ["sh"]}),
            Image(id="sha256:" + "c" * 64, tags=["swb/tiny:1"], digest="sha256:" + "f" * 64,
                  digests=["swb/tiny@sha256:" + "f" * 64],
                  config={"Cmd": ["sleep", "1000"]}),
        ]

    def all(self) -> list[Image]:
        return self.images

    def resolve(self, ref: str) -> Image:
        plain = ref.removeprefix("docker.io/").removeprefix("library/")
        name, _, digest = plain.partition("@")
        tagged = name if ":" in name else f"{name}:latest"
        for image in self.images:
            if image.id == ref or (ref and image.id.removeprefix("sha256:").startswith(ref)):
                return image
            if tagged in image.tags and digest in ("", image.digest):
                return image
        raise NotFound(f"No such image: {tagged}")

    async def pull(self, ref: str) -> Pulled:
        try:
            return Pulled(image=self.resolve(ref), new=False)
        except NotFound:
            raise NotFound("this kit is offline") from None

    def spool(self) -> Path:
        return self._folder / "archive"

    async def load(self, archive: Path) -> list[str]:
        raise InvalidArgument("this is no archive of images")

    async def save(self, refs: list[str], target: Path) -> None:
        raise NotFound(f"No such image: {refs[0]}")

    async def import_root(self, archive: Path, tag: str, config: dict[str, Any], comment: str) -> Image:
        raise InvalidArgument("this is no tar file")

    def tag(self, ref: str, name: str) -> None:
        image = self.resolve(ref)
        self.images = [replace(i, tags=[*i.tags, name]) if i is image else i for i in self.images]

    def untag(self, name: str) -> bool:
        had = any(name in image.tags for image in self.images)
        self.images = [replace(i, tags=[tag for tag in i.tags if tag != name]) for i in self.images]
        return had

    def delete(self, image_id: str, in_use: set[str]) -> int:
        gone = [image for image in self.images if image.id == image_id]
        self.images = [image for image in self.images if image.id != image_id]
        return sum(image.size for image in gone)


class FakeLogs:
    """One line of each task."""

    async def subscribe(self, tasks: list[Task], options: LogOptions) -> AsyncIterator[tuple[Task, LogLineMessage]]:
        for task in tasks:
            now = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=datetime.timezone.utc)
            yield task, LogLineMessage(task_id=task.id, time=now, stream="stdout",
                                       data=f"hello from {task.slot}\n".encode())


def root_certificate() -> tuple[str, str]:
    """A self-signed root: (certificate, key) in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "swarm-ca")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


class FakeBackend:
    """docker_api.backend.NodeBackend. `members`: further nodes that are there as soon as the swarm is."""

    def __init__(self, hostname: str = "manager1", members: tuple[str, ...] = ("worker1", "worker2")) -> None:
        self.serve_forwarded: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | None = None
        self.hostname = hostname
        self.clock = SystemClock()
        self.ids = Ids()
        self._folder = tempfile.TemporaryDirectory()
        self.images = FakeImages(Path(self._folder.name))
        self.engine = LocalEngine(self.clock, self.ids, self.images)
        self.volumes = LocalVolumes(Path(self._folder.name), self.clock, self.ids)
        self.bridges = FakeNetwork()
        self.daemon_id = "AAAA:BBBB"
        self.data_root = "/var/lib/swarmd"
        self.store: Store | None = None
        self.info = SwarmInfo()
        self.joined: JoinRequest | None = None
        self.carried: list[NetworkAssignment] = []
        self._members = members
        self._control: Control | None = None
        self._loop: asyncio.Task[None] | None = None
        self._tokens = 0

    def swarm_info(self) -> SwarmInfo:
        return self.info

    async def network_differences(self) -> list[str]:
        return ["link br-4097 is missing"]

    def node_networks(self) -> list[NetworkAssignment]:
        return self.carried

    def control(self) -> Control:
        if self._control is None:
            raise Unavailable(NO_SWARM if self.info.local_node_state == "inactive" else WORKER)
        return self._control

    control_view = control

    def carry(self, body: bytes, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Passage]:
        raise NoLeader

    async def caught_up(self, index: int) -> None:
        pass

    def store_index(self) -> int:
        return 0

    async def swarm_init(self, request: InitRequest) -> str:
        self._refuse_twice()
        if request.advertise_addr.startswith("10.1.2."):
            raise InvalidArgument(f"no interface has the address {request.advertise_addr}; there are 10.7.0.1")
        node_id = self.ids.object_id()
        self.store = Store(self.clock)
        self._control = Control(self.store, self.clock, self.ids, FakeLogs(), new_token=self._new_token)
        certificate, key = root_certificate()
        seed_cluster(self.store, ClusterSeed(
            cluster_id=self.ids.object_id(), node_id=node_id, ingress_id=self.ids.object_id(), root_ca=certificate,
            root_key=key, join_tokens=JoinTokens(worker=self._new_token(Role.WORKER),
                                                 manager=self._new_token(Role.MANAGER)),
            node_address="10.7.0.1", manager_address="10.7.0.1:2377",
            description=self._description(self.hostname, certificate)))
        self.info = SwarmInfo(
            node_id=node_id, node_addr="10.7.0.1", local_node_state="active", control_available=True,
            remote_managers=[RemoteManager(node_id=node_id, addr="10.7.0.1:2377")])
        self._add_members(certificate)
        self._loop = asyncio.ensure_future(self._run_services(self.store))
        return node_id

    async def swarm_join(self, request: JoinRequest) -> None:
        self._refuse_twice()
        self.joined = request
        self.info = SwarmInfo(
            node_id=self.ids.object_id(), node_addr="10.7.0.2", local_node_state="active",
            remote_managers=[RemoteManager(node_id="m", addr=(request.remote_addrs or [""])[0])])

    async def swarm_leave(self, force: bool) -> None:
        if self.info.local_node_state == "inactive":
            raise Unavailable("This node is not part of a swarm")
        if self.info.control_available and not force:
            raise FailedPrecondition("You are attempting to leave the swarm on a node that is participating as a "
                                     "manager.")
        self.info, self._control = SwarmInfo(), None
        if self._loop is not None:
            self._loop.cancel()

    async def swarm_unlock(self, key: str) -> None:
        self.control()
        raise Conflict("swarm is not locked")

    async def close(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
        await self.engine.close()
        self._folder.cleanup()

    def _refuse_twice(self) -> None:
        if self.info.local_node_state != "inactive":
            raise Unavailable(ALREADY)

    def _new_token(self, role: Role) -> str:
        self._tokens += 1
        return f"SWMTKN-1-{self._tokens:050d}-{role.value[0] * 25}"

    def _description(self, name: str, certificate: str) -> NodeDescription:
        return NodeDescription(
            hostname=name, platform=Platform(architecture="x86_64", os="linux"),
            resources=Resources(nano_cpus=2_000_000_000, memory_bytes=25_276_514_304),
            engine=EngineDescription(engine_version="0.1.0", plugins=[{"Type": "Network", "Name": "overlay"}]),
            tls_info=TLSInfo(trust_root=certificate, cert_issuer_subject="c3ViamVjdA==",
                             cert_issuer_public_key="a2V5"))

    def _add_members(self, certificate: str) -> None:
        assert self.store is not None
        [manager] = self.store.all(Node)
        [ingress] = self.store.all(Network)
        place = [Attachment(network_id=ingress.id, addresses=["10.0.0.2/24"])]
        ready = NodeStatus(state=NodeState.READY, addr="10.7.0.1")
        self.store.update(lambda tx: tx.update(replace(manager, status=ready, attachments=place)))
        for number, name in enumerate(self._members, 2):
            node = Node(id=self.ids.object_id(), spec=NodeSpec(), description=self._description(name, certificate),
                        status=NodeStatus(state=NodeState.READY, addr=f"10.7.0.{number}"),
                        attachments=[Attachment(network_id=ingress.id, addresses=[f"10.0.0.{number + 1}/24"])])
            self.store.update(lambda tx, node=node: tx.create(node))

    async def _run_services(self, store: Store) -> None:
        """Orchestrator, allocator, scheduler and agents in a few lines: what is asked for runs."""
        with store.watch(Service) as watch:
            while True:
                for change in await watch.next():
                    if change.new is None:
                        self._remove_tasks(store, change.old)
                    elif change.old is None or change.old.spec != change.new.spec:
                        self._fill(store, change.new)

    def _remove_tasks(self, store: Store, service: Service) -> None:
        for task in store.find(Task, service_id=service.id):
            store.update(lambda tx, task=task: tx.delete(Task, task.id))

    def _fill(self, store: Store, service: Service) -> None:
        [ingress] = store.all(Network)
        if service.endpoint is None and service.spec.endpoint_spec is not None and service.spec.endpoint_spec.ports:
            spec = service.spec.endpoint_spec
            endpoint = Endpoint(spec=spec, ports=spec.ports,
                                virtual_ips=[VirtualIP(network_id=ingress.id, addr="10.0.0.5/24")])
            service = store.update(lambda tx: tx.update(replace(service, endpoint=endpoint)))
        replicated = service.spec.mode.replicated
        nodes = store.all(Node)
        wanted = len(nodes) if replicated is None else replicated.replicas or 0
        have = {task.slot: task for task in store.find(Task, service_id=service.id)}
        for slot, task in have.items():
            if slot > wanted:
                store.update(lambda tx, task=task: tx.delete(Task, task.id))
        for slot in range(1, wanted + 1):
            if slot not in have:
                store.update(lambda tx, slot=slot: tx.create(self._task(service, slot, nodes, ingress)))

    def _task(self, service: Service, slot: int, nodes: list[Node], ingress: Network) -> Task:
        status = TaskStatus(timestamp=self.clock.now(), state=TaskState.RUNNING, message="started",
                            container=ContainerStatus(container_id=self.ids.container_id(), pid=100 + slot))
        return Task(
            id=self.ids.object_id(), spec=service.spec.task_template, service_id=service.id, slot=slot,
            node_id=nodes[slot % len(nodes)].id, service_name=service.spec.name, service_labels=service.spec.labels,
            status=status, spec_index=service.spec_index,
            networks=[Attachment(network_id=ingress.id, addresses=[f"10.0.0.{slot + 5}/24"])])
