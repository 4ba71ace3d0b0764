"""Hijacked connections, /wait, logs: the bytes on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.engine.api_rig import Client, served
from tests.waiting import until

UPGRADE = b"Host: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with served() as made:
        yield made


async def container(client: Client, *args: str, **more: object) -> str:
    status, answer = await client.post("/containers/create", {"Image": "busybox", "Cmd": list(args), **more})
    assert status == 201, answer
    return str(answer["Id"])  # type: ignore[index]


async def hijack(client: Client, path: str, body: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection after the 101."""
    head = f"POST {path} HTTP/1.1\r\n".encode() + UPGRADE + f"Content-Length: {len(body)}\r\n\r\n".encode()
    reader, writer = await client.raw(head + body)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert answer.startswith(b"HTTP/1.1 101 UPGRADED\r\n"), answer
    lowered = answer.lower()
    assert b"content-type: application/vnd.docker.raw-stream" in lowered
    assert b"upgrade: tcp" in lowered and b"connection: upgrade" in lowered
    assert b"transfer-encoding" not in lowered and b"content-length" not in lowered
    return reader, writer


def unframed(received: bytes) -> dict[int, bytes]:
    """What each stream carried, by its number."""
    found: dict[int, bytearray] = {}
    position = 0
    while position < len(received):
        stream, length = received[position], int.from_bytes(received[position + 4:position + 8], "big")
        assert received[position + 1:position + 4] == b"\0\0\0"
        found.setdefault(stream, bytearray()).extend(received[position + 8:position + 8 + length])
        position += 8 + length
    return {stream: bytes(data) for stream, data in found.items()}


async def rest(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 10)


async def test_output_is_framed_and_input_ends_without_ending_the_output(client: Client) -> None:
    script = "cat; echo done; echo err >&2"
    created = await container(client, "sh", "-c", script, OpenStdin=True, StdinOnce=True, AttachStdin=True)
    reader, writer = await hijack(client, f"/containers/{created}/attach?stream=1&stdin=1&stdout=1&stderr=1")
    writer.write(b"abc\n")
    writer.write_eof()
    await client.post(f"/containers/{created}/start")
    assert unframed(await rest(reader)) == {1: b"abc\ndone\n", 2: b"err\n"}


async def test_input_that_comes_while_the_log_is_sent_is_kept(client: Client) -> None:
    created = await container(client, "sh", "-c", "seq 200000; cat", OpenStdin=True, StdinOnce=True)
    await client.post(f"/containers/{created}/start")
    await until(lambda: len(client.backend.engine._lines[created]) >= 200_000)
    reader, writer = await hijack(client, f"/containers/{created}/attach?logs=1&stream=1&stdin=1&stdout=1")
    writer.write(b"POST / HTTP/1.1\r\n\r\n")
    writer.write_eof()
    assert unframed(await rest(reader))[1].endswith(b"200000\nPOST / HTTP/1.1\r\n\r\n")


async def test_large_streams_both_ways(client: Client) -> None:
    created = await container(client, "cat", OpenStdin=True, StdinOnce=True, Tty=False)
    await client.post(f"/containers/{created}/start")
    reader, writer = await hijack(client, f"/containers/{created}/attach?stream=1&stdin=1&stdout=1")
    data = bytes(range(256)) * 20_000

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.ensure_future(send())
    received = await rest(reader)
    await sending
    assert unframed(received) == {1: data}


async def test_a_client_that_hangs_up_is_noticed_and_the_container_lives_on(client: Client) -> None:
    created = await container(client, "sleep", "100")
    await client.post(f"/containers/{created}/start")
    reader, writer = await hijack(client, f"/containers/{created}/attach?stream=1&stdout=1&stderr=1")
    [attached] = client.backend.engine.attachments
    writer.close()
    await until(lambda: attached.closed, what="the attachment is let go")
    assert client.backend.engine.get(created).running


async def test_only_the_streams_asked_for(client: Client) -> None:
    created = await container(client, "sh", "-c", "echo out; echo err >&2")
    reader, _ = await hijack(client, f"/containers/{created}/attach?stream=1&stderr=1")
    await client.post(f"/containers/{created}/start")
    assert await rest(reader) == b"\x02\0\0\0\0\0\0\x04err\n"


async def test_without_upgrade_the_same_output_comes_as_a_plain_answer(client: Client) -> None:
    created = await container(client, "sh", "-c", "echo out")
    attach = client.session.post(f"http://docker/containers/{created}/attach?stream=1&stdout=1")
    async with attach as answer:
        assert answer.status == 200 and answer.headers["Content-Type"] == "application/vnd.docker.raw-stream"
        await client.post(f"/containers/{created}/start")
        assert await answer.read() == b"\x01\0\0\0\0\0\0\x04out\n"


async def test_detach_keys_let_go_of_a_terminal(client: Client) -> None:
    created = await container(client, "cat", OpenStdin=True, Tty=True)
    await client.post(f"/containers/{created}/start")
    reader, writer = await hijack(client, f"/containers/{created}/attach?stream=1&stdin=1&stdout=1")
    writer.write(b"\x10\x11")
    assert b"\x10" not in await rest(reader)
    assert client.backend.engine.get(created).running


async def test_the_log_so_far_comes_before_the_live_output(client: Client) -> None:
    created = await container(client, "sh", "-c", "echo first; sleep 0.3; echo second")
    await client.post(f"/containers/{created}/start")
    await until(lambda: client.backend.engine._lines[created] != [])
    reader, _ = await hijack(client, f"/containers/{created}/attach?logs=1&stream=1&stdout=1")
    assert await rest(reader) == b"\x01\0\0\0\0\0\0\x06first\n\x01\0\0\0\0\0\0\x07second\n"


async def exec_id(client: Client, created: str, *args: str, **more: object) -> str:
    body = {"Cmd": list(args), "AttachStdout": True, "AttachStderr": True, **more}
    status, answer = await client.post(f"/containers/{created}/exec", body)
    assert status == 201, answer
    return str(answer["Id"])  # type: ignore[index]


async def test_exec_with_a_body_and_its_exit_code(client: Client) -> None:
    created = await container(client, "sleep", "100")
    assert (await client.post(f"/containers/{created}/exec", {"Cmd": ["true"]}))[0] == 409
    await client.post(f"/containers/{created}/start")
    execution = await exec_id(client, created, "sh", "-c", "cat; exit 5", AttachStdin=True)
    assert (await client.get(f"/exec/{execution}/json"))[1]["ExitCode"] is None  # type: ignore[index]
    reader, writer = await hijack(client, f"/exec/{execution}/start", b'{"Detach":false,"Tty":false}')
    writer.write(b"xyz")
    writer.write_eof()
    assert await rest(reader) == b"\x01\0\0\0\0\0\0\x03xyz"
    status, answer = await client.get(f"/exec/{execution}/json")
    assert (answer["Running"], answer["ExitCode"]) == (False, 5)  # type: ignore[index]
    assert (await client.post(f"/exec/{execution}/start", {}))[0] == 409
    assert (await client.post("/exec/nosuch/start", {}))[0] == 404


async def test_exec_on_a_terminal_is_raw_and_has_a_size(client: Client) -> None:
    created = await container(client, "sleep", "100")
    await client.post(f"/containers/{created}/start")
    execution = await exec_id(client, created, "sh", "-c", "read x; stty size", AttachStdin=True, Tty=True)
    reader, writer = await hijack(client, f"/exec/{execution}/start", b'{"Tty":true}')
    assert (await client.post(f"/exec/{execution}/resize?h=41&w=97"))[0] == 200
    writer.write(b"go\n")
    assert b"41 97" in await rest(reader)


async def test_exec_detached(client: Client) -> None:
    created = await container(client, "sleep", "100")
    await client.post(f"/containers/{created}/start")
    execution = await exec_id(client, created, "true")
    assert await client.post(f"/exec/{execution}/start", {"Detach": True}) == (200, "")


async def test_wait_sends_its_headers_before_the_container_has_started(client: Client) -> None:
    created = await container(client, "sh", "-c", "exit 7")
    async with client.session.post(f"http://docker/containers/{created}/wait?condition=next-exit") as answer:
        assert answer.status == 200 and answer.content_type == "application/json"
        await client.post(f"/containers/{created}/start")
        assert json.loads(await answer.text()) == {"Error": None, "StatusCode": 7}
    assert (await client.post("/containers/nosuch/wait"))[0] == 404
    assert (await client.post(f"/containers/{created}/wait?condition=never"))[0] == 400


async def test_wait_for_removal_ends_when_a_container_that_never_started_is_removed(client: Client) -> None:
    created = await container(client, "true", HostConfig={"AutoRemove": True})
    async with client.session.post(f"http://docker/containers/{created}/wait?condition=removed") as answer:
        await client.call("DELETE", f"/containers/{created}")
        assert json.loads(await answer.text())["StatusCode"] == 0


async def test_logs(client: Client) -> None:
    created = await container(client, "sh", "-c", "echo a; echo b >&2")
    await client.post(f"/containers/{created}/start")
    await until(lambda: not client.backend.engine.get(created).running)
    path = f"http://docker/containers/{created}/logs"
    async with client.session.get(f"{path}?stdout=1&stderr=1") as answer:
        received = await answer.read()
        assert sorted([received[:10], received[10:]]) == [b"\x01\0\0\0\0\0\0\x02a\n", b"\x02\0\0\0\0\0\0\x02b\n"]
    async with client.session.get(f"{path}?stdout=1&timestamps=1&details=1") as answer:
        line = (await answer.read())[8:]
        assert line.endswith(b"Z  a\n") and len(line.split(b" ")[0]) == 30
    assert await client.get(f"/containers/{created}/logs") == (
        400, {"message": "Bad parameters: you must choose at least one stream"})


async def test_following_logs_ends_with_the_container(client: Client) -> None:
    created = await container(client, "sh", "-c", "echo a; sleep 0.2; echo b")
    await client.post(f"/containers/{created}/start")
    async with client.session.get(f"http://docker/containers/{created}/logs?stdout=1&follow=1") as answer:
        assert (await asyncio.wait_for(answer.read(), 10)).count(b"\x02") == 2


async def test_a_client_that_leaves_does_not_stop_what_it_began(client: Client) -> None:
    """Half a stop would leave a container that nobody stops."""
    created = await container(client, "sh", "-c", "trap 'sleep 0.2; exit 3' TERM; while :; do sleep 0.05; done")
    await client.post(f"/containers/{created}/start")
    await asyncio.sleep(0.1)
    head = f"POST /containers/{created}/stop HTTP/1.1\r\nHost: docker\r\n\r\n".encode()
    _, writer = await client.raw(head)
    writer.close()
    await until(lambda: not client.backend.engine.get(created).running)


async def test_events_connections_are_let_go(client: Client) -> None:
    reader, writer = await client.raw(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    await until(lambda: client.server.api.events.listening == 1)
    writer.close()
    await until(lambda: client.server.api.events.listening == 0, what="the listener is gone")
