"""Published ports on IPv6 addresses, with real sockets of this machine: no namespace, no rules."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from swarmkit_py.network.proxy import Proxy
from tests.waiting import until

pytestmark = pytest.mark.skipif(not Path("/proc/sys/net/ipv6").exists(), reason="this kernel has no IPv6")
BIG = 3_000_000


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    """On IPv4 only: says how much it was told, once its client has said all."""
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"{len(await reader.read())}".encode() + b"!" * BIG)
        writer.close()

    serving = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield serving.sockets[0].getsockname()[1]
    finally:
        serving.close()


@asynccontextmanager
async def proxy(*ports: tuple[str, int], idle: float = 90.0, most: int = 200) -> AsyncIterator[Proxy]:
    made = Proxy(idle, most)
    made.serve(ports)
    try:
        yield made
    finally:
        await made.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_connection_is_carried_whole_in_both_directions_and_a_half_closed_one_goes_on() -> None:
    async with server() as port, proxy(("tcp", port)):
        reader, writer = await asyncio.open_connection("::1", port)
        writer.write(b"?" * BIG)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == f"{BIG}".encode() + b"!" * BIG
        writer.close()


async def test_where_nobody_listens_the_client_is_reset() -> None:
    port = free_port()
    async with proxy(("tcp", port)):
        reader, writer = await asyncio.open_connection("::1", port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_a_port_that_is_no_longer_published_refuses_and_one_that_a_program_has_is_left_to_it() -> None:
    async with server() as port, proxy(("tcp", port)) as made:
        made.serve([])
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("::1", port)
        with socket.socket(socket.AF_INET6) as program:
            program.bind(("::", port := free_port()))
            program.listen()
            made.serve([("tcp", port)])
        made.serve([("tcp", port)])
        _, writer = await asyncio.open_connection("::1", port)
        writer.close()


async def test_datagrams_find_back_to_each_client_from_the_address_it_asked() -> None:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.setblocking(False)
        served.bind(("127.0.0.1", 0))
        port = served.getsockname()[1]
        async with proxy(("udp", port), idle=0.2) as made:
            clients = [socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) for _ in range(2)]
            for number, client in enumerate(clients):
                client.setblocking(False)
                client.connect(("::1", port))  # so it hears nothing from elsewhere
                client.send(b"%d" % number)
                data, caller = await loop.sock_recvfrom(served, 99)
                await loop.sock_sendto(served, b"to " + data, caller)
            heard = [await asyncio.wait_for(loop.sock_recv(client, 99), 10) for client in clients]
            assert heard == [b"to 0", b"to 1"]
            await until(lambda: not made._callers, what="callers that say no more are forgotten")
            for client in clients:
                client.close()


async def test_what_is_too_much_waits_and_of_too_many_ports_the_lowest_are_open() -> None:
    async with server() as port, proxy(("tcp", port), ("tcp", port + 1), ("tcp", port + 2), most=2) as made:
        assert sorted(made._doors) == [("tcp", port), ("tcp", port + 1)]
        ends = [await asyncio.open_connection("::1", port) for _ in range(5)]
        await until(lambda: len(made._errands) == 2, what="two are carried")
        for reader, writer in ends:
            writer.write_eof()
            assert await asyncio.wait_for(reader.read(), 10) == b"0" + b"!" * BIG
            writer.close()
