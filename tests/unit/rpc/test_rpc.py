"""Port 2377 over real TLS sockets: who gets in, what errors become, and what channels bound."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest

from swarmkit_py.ca.root import MANAGER_NAME, create_key_and_request, create_root, identity_of, issue
from swarmkit_py.ca.tls import CertificateFiles, client_context, pinned_context, server_context, unverified_context
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SwarmError,
    Unauthenticated,
)
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import NodeDescription
from swarmkit_py.model.states import Role
from swarmkit_py.rpc.auth import ANYONE, MANAGERS, MEMBERS, authorize
from swarmkit_py.rpc.channel import MAX_MESSAGE, Channel, ChannelClosed, memory_pair
from swarmkit_py.rpc.client import Refused, call, open_session
from swarmkit_py.rpc.messages import Heartbeat, HeartbeatAck, Hello, LogLineMessage, LogLines, Shutdown
from swarmkit_py.rpc.race import until_first_ends, within
from swarmkit_py.rpc.server import RpcServer
from swarmkit_py.rpc.wire import CertificateAnswer, Empty, IssueRequest, RootAnswer

CLUSTER = "c" * 25
ROOT = create_root(datetime.now(timezone.utc))


def member(folder: Path, role: Role, node_id: str = "node", cluster: str = CLUSTER) -> CertificateFiles:
    files = CertificateFiles(folder / f"{node_id}-{role.value}-{cluster[:3]}")
    key, csr = create_key_and_request()
    identity = Identity(node_id=node_id, cluster_id=cluster, role=role)
    files.save(root=ROOT.cert_pem, key=key, cert=issue(ROOT, csr, identity, datetime.now(timezone.utc)))
    return files


class Served:
    """A server with one route of each kind, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.callers: list[str] = []
        self.port = 0
        context = server_context(member(folder, Role.MANAGER, "manager"))
        self.server = RpcServer(context, identity_of, self.check)
        self.server.add("/open", ANYONE, Empty, self.open)
        self.server.add("/managers", MANAGERS, IssueRequest, self.only_managers)
        self.server.add_session("/session", MEMBERS, self.session)

    def check(self, caller: Identity | None, roles: frozenset[Role]) -> None:
        authorize(caller, roles, CLUSTER, ["removed"])

    async def open(self, caller: Identity | None, body: Empty) -> RootAnswer:
        return RootAnswer(root="public")

    async def only_managers(self, caller: Identity | None, body: IssueRequest) -> CertificateAnswer:
        if body.csr == "missing":
            raise NotFound("node x not found", rpc=True)
        return CertificateAnswer(certificate=body.csr, root="")

    async def session(self, caller: Identity, channel: Channel) -> None:
        self.callers.append(caller.node_id)
        while True:
            message = await channel.receive()
            channel.send(HeartbeatAck(period=1.5) if isinstance(message, Heartbeat) else Shutdown(reason="?"))

    @property
    def addr(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    served = Served(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        served.port = free.getsockname()[1]
    await served.server.start("127.0.0.1", served.port)
    yield served
    await served.server.stop()


async def test_a_joiner_reaches_open_calls_only(served: Served) -> None:
    for context in (unverified_context(), pinned_context(ROOT.cert_pem)):
        name = None if context.verify_mode is ssl.CERT_NONE else MANAGER_NAME
        assert (await call(served.addr, "/open", Empty(), RootAnswer, context, name)).root == "public"
        with pytest.raises(Unauthenticated):
            await call(served.addr, "/managers", IssueRequest(csr="x"), CertificateAnswer, context, name)


async def test_roles_are_checked_from_the_certificate(served: Served, tmp_path: Path) -> None:
    async def ask(files: CertificateFiles, csr: str = "x") -> str:
        answer = await call(served.addr, "/managers", IssueRequest(csr=csr), CertificateAnswer,
                            client_context(files), MANAGER_NAME)
        return answer.certificate

    assert await ask(member(tmp_path, Role.MANAGER)) == "x"
    for files in (member(tmp_path, Role.WORKER), member(tmp_path, Role.MANAGER, "removed"),
                  member(tmp_path, Role.MANAGER, cluster="d" * 25)):
        with pytest.raises(PermissionDenied):
            await ask(files)
    with pytest.raises(NotFound) as caught:
        await ask(member(tmp_path, Role.MANAGER), "missing")
    assert caught.value.wire_text() == "rpc error: code = NotFound desc = node x not found"


async def test_a_certificate_of_another_root_gets_no_connection(served: Served, tmp_path: Path) -> None:
    strange = create_root(datetime.now(timezone.utc))
    files = CertificateFiles(tmp_path / "strange")
    key, csr = create_key_and_request()
    identity = Identity(node_id="n", cluster_id=CLUSTER, role=Role.MANAGER)
    cert = issue(strange, csr, identity, datetime.now(timezone.utc))
    files.save(root=ROOT.cert_pem, key=key, cert=cert)
    with pytest.raises(SwarmError):
        await call(served.addr, "/open", Empty(), RootAnswer, client_context(files), MANAGER_NAME)
    with pytest.raises(SwarmError, match="certificate verify failed"):
        await call(served.addr, "/open", Empty(), RootAnswer, pinned_context(strange.cert_pem), MANAGER_NAME)


async def test_a_worker_cannot_pose_as_a_manager(tmp_path: Path) -> None:
    server = RpcServer(server_context(member(tmp_path, Role.WORKER)), identity_of, lambda *_: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    await server.start("127.0.0.1", port)
    with pytest.raises(SwarmError, match="certificate verify failed"):
        await call(f"127.0.0.1:{port}", "/open", Empty(), RootAnswer, pinned_context(ROOT.cert_pem), MANAGER_NAME)
    await server.stop()


async def test_a_session_carries_messages_both_ways(served: Served, tmp_path: Path) -> None:
    channel = await open_session(served.addr, "/session", client_context(member(tmp_path, Role.WORKER)), MANAGER_NAME)
    channel.send(Heartbeat())
    assert await channel.receive() == HeartbeatAck(period=1.5)
    await channel.close()
    assert served.callers == ["node"]
    with pytest.raises(ChannelClosed):
        channel.send(Heartbeat())


async def test_a_refused_session_says_why(served: Served, tmp_path: Path) -> None:
    context = client_context(member(tmp_path, Role.WORKER, "removed"))
    with pytest.raises(PermissionDenied, match="removed from this swarm"):
        await open_session(served.addr, "/session", context, MANAGER_NAME)


async def test_stopping_the_server_ends_sessions(served: Served, tmp_path: Path) -> None:
    channel = await open_session(served.addr, "/session", client_context(member(tmp_path, Role.WORKER)), MANAGER_NAME)
    await served.server.stop()
    with pytest.raises(ChannelClosed):
        await channel.receive()
    await channel.close()
    with pytest.raises(Refused):
        await call(served.addr, "/open", Empty(), RootAnswer, unverified_context())


async def test_bodies_that_are_none_are_refused(served: Served, tmp_path: Path) -> None:
    class Odd(msgspec.Struct):
        Csr: int = 3

    with pytest.raises(InvalidArgument, match="not a IssueRequest"):
        await call(served.addr, "/managers", Odd(), CertificateAnswer,
                   client_context(member(tmp_path, Role.MANAGER)), MANAGER_NAME)


async def test_another_server_on_that_port_is_told_apart() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"SSH-2.0-something\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(SwarmError, match="Error while dialing dial tcp 127.0.0.1"):
        await call(f"127.0.0.1:{port}", "/open", Empty(), RootAnswer, unverified_context())
    server.close()


async def test_channels_refuse_giants_and_drop_peers_that_do_not_read() -> None:
    here, there = memory_pair()
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    line = LogLineMessage(task_id="t", time=now, stream="stdout", data=b"x" * 2_000_000)
    with pytest.raises(SwarmError, match="over the limit"):
        here.send(LogLines(subscription="s", lines=[line, line]))
    assert not here.closed
    with pytest.raises(ChannelClosed, match="does not read"):
        for _ in range(100):  # nothing awaits, so nothing is written
            here.send(LogLines(subscription="s", lines=[line]))
    assert here.closed
    assert MAX_MESSAGE == 4 << 20
    await here.close()
    await there.close()


async def test_a_channel_sends_what_is_queued_before_it_closes() -> None:
    here, there = memory_pair()
    here.send(Shutdown(reason="last words"))
    await here.close()
    assert await there.receive() == Shutdown(reason="last words")
    with pytest.raises(ChannelClosed):
        await there.receive()


async def test_messages_survive_the_wire() -> None:
    here, there = memory_pair()
    hello = Hello(description=NodeDescription(hostname="h"), address="10.7.0.1")
    here.send(hello)
    assert await there.receive() == hello
    await here.close()
    await there.close()


async def test_until_first_ends_cancels_the_others_and_passes_the_error() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def fail() -> None:
        raise FailedPrecondition("first")

    with pytest.raises(FailedPrecondition, match="first"):
        await until_first_ends(wait(), fail(), wait())
    assert ended == ["cancelled"] * 2


async def test_within_measures_by_the_clock_it_is_given() -> None:
    clock = ManualClock()
    waiting = asyncio.ensure_future(within(clock, 5, asyncio.Event().wait()))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await waiting
