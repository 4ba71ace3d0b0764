"""Owns a served API for tests: the fake node behind a real socket, in the test's own loop or in a thread of its own
(for clients that block: the docker command and the SDK)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp

from swarmkit_py.docker_api.server import Server, serve
from tests.engine.fake_backend import FakeBackend


class Client:
    """HTTP to the socket; `get("/nodes")` is (status, JSON)."""

    def __init__(self, backend: FakeBackend, server: Server, session: aiohttp.ClientSession) -> None:
        self.backend, self.server, self.session = backend, server, session
        self.path = server.socket_path

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, object]:
        async with self.session.request(method, f"http://docker{path}", json=body) as answer:
            text = await answer.text()
            if answer.content_type != "application/json":
                return answer.status, text
            assert text.endswith("\n") or method == "HEAD"
            return answer.status, json.loads(text or "null")

    async def get(self, path: str) -> tuple[int, object]:
        return await self.call("GET", path)

    async def post(self, path: str, body: object = None) -> tuple[int, object]:
        return await self.call("POST", path, body)

    async def raw(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection on which these bytes were sent."""
        reader, writer = await asyncio.open_unix_connection(str(self.path))
        writer.write(request)
        await writer.drain()
        return reader, writer


@asynccontextmanager
async def served(hostname: str = "manager1") -> AsyncIterator[Client]:
    """The API and a client, in this loop."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docker.sock"
        backend = FakeBackend(hostname)
        server = await serve(backend, path)
        try:
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:
                yield Client(backend, server, session)
        finally:
            await server.close()
            await backend.close()
        assert not path.exists()


@contextmanager
def served_in_thread() -> Iterator[Path]:
    """The socket of an API that runs in a thread."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "docker.sock"
        ready, stop = threading.Event(), threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(_serve(path, ready, stop)))
        thread.start()
        try:
            assert ready.wait(20)
            yield path
        finally:
            stop.set()
            thread.join(20)
        assert not thread.is_alive()


async def _serve(path: Path, ready: threading.Event, stop: threading.Event) -> None:
    backend = FakeBackend()
    server = await serve(backend, path)
    ready.set()
    await asyncio.get_running_loop().run_in_executor(None, stop.wait)
    await server.close()
    await backend.close()


class Docker:
    """A docker command pointed at a socket."""

    def __init__(self, cli: Path, path: Path) -> None:
        self.prefix = [str(cli), "-H", f"unix://{path}"]

    def run(self, *words: str, stdin: bytes = b"", within: float = 40) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([*self.prefix, *words], input=stdin, capture_output=True, timeout=within, check=False)

    def out(self, *words: str, stdin: bytes = b"") -> str:
        """Its stdout; a failure fails the test with what it said."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.returncode} {done.stdout!r} {done.stderr!r}"
        return done.stdout.decode()

    def error(self, *words: str) -> str:
        """Its stderr; a success fails the test."""
        done = self.run(*words)
        assert done.returncode != 0, f"docker {' '.join(words)} succeeded: {done.stdout!r}"
        return done.stderr.decode()
