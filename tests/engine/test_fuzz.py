"""Wrong requests of every kind, over the whole API of a whole node (fake containers, real manager): none is answered
with 500 but where Docker does so with a sentence, none leaves a traceback in the log, none hangs, and one that was
refused has changed nothing.

`FUZZ_EXAMPLES=50000` is the long form; a failing request is shown, and shrunk by hypothesis.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import logging
import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swarmkit_py.docker_api.backend import InitRequest
from swarmkit_py.docker_api.server import serve
from swarmkit_py.node import Node, NodeOptions
from tests.engine.fuzz_inputs import Sent, fuzzed_routes, requests

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "400"))
SECONDS = 20.0
NO_TASKS = quote('{"is-task":["false"]}')
DOCKERS_OWN = re.compile(
    r"rpc error: code = Unknown desc = |invalid join token|Invalid (desired-state|role|membership) filter: "
    r"|constraint expected one operator|This node is not a swarm manager\.")
"""Where Docker itself answers 500, with these words."""
FAST = settings(max_examples=EXAMPLES, deadline=None, derandomize="FUZZ_EXAMPLES" not in os.environ, database=None,
                suppress_health_check=list(HealthCheck))
ENDLESS = ("/events", "/attach", "/start", "/logs", "/wait", "/stats")
"""Answers that may go on for as long as the client likes: only their head is read."""


STOCK = (
    ("/networks/create", {"Name": "n1", "Driver": "overlay"}),
    ("/secrets/create", {"Name": "s1", "Data": "eA=="}),
    ("/configs/create", {"Name": "c1", "Data": "eA=="}),
    ("/services/create", {"Name": "web", "TaskTemplate": {"ContainerSpec": {"Image": "nginx"}},
                          "Mode": {"Replicated": {"Replicas": 2}}}),
    ("/containers/create?name=c1", {"Image": "nginx", "Cmd": ["x"]}), ("/containers/c1/start", {}),
)
"""What there is to begin with; a request may well have removed it."""


class Complaints(logging.Handler):
    """Tracebacks and errors in the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or record.levelno >= logging.ERROR:
            self.found.append(self.format(record))


class Fuzzed:
    """A node with its API, in a thread of its own."""

    def __init__(self, folder: Path, address: str, in_a_swarm: bool) -> None:
        self.socket_path = folder / "docker.sock"
        self.address, self._in_a_swarm = address, in_a_swarm
        self.node = Node(NodeOptions(folder / "data", folder / "exec", self.socket_path, folder / "images", "fake"))
        self.loop = asyncio.new_event_loop()
        self._ready, self._ending = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self.loop.run_until_complete(self._run()), daemon=True)
        self.log = Complaints()

    async def _run(self) -> None:
        await self.node.start()
        server = await serve(self.node, self.socket_path)
        if self._in_a_swarm:
            await self.node.swarm_init(InitRequest(listen_addr=self.address, advertise_addr=self.address))
        self._ready.set()
        await self._ending.wait()
        await server.close()
        await self.node.stop()

    def __enter__(self) -> Fuzzed:
        logging.getLogger().addHandler(self.log)
        self._thread.start()
        assert self._ready.wait(20), "the node starts"
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(20)
        logging.getLogger().removeHandler(self.log)

    def send(self, sent: Sent) -> tuple[int, bytes]:
        """The status and the body of the answer (of an endless one: nothing). Raises TimeoutError for none."""
        line = f"{sent.method} {sent.path} HTTP/1.1".encode("ascii", "ignore")
        head = [line, b"Host: docker", f"Content-Length: {len(sent.body)}".encode(), b"Connection: close"]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(self.socket_path))
            try:
                connection.sendall(b"\r\n".join([*head, b"", b""]) + sent.body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it had read enough
            answer = http.client.HTTPResponse(connection, method=sent.method)
            answer.begin()
            endless = answer.status == 101 or (answer.status == 200 and any(word in sent.path for word in ENDLESS))
            return answer.status, b"" if endless else answer.read()

    def get(self, path: str) -> Any:
        return json.loads(self.send(Sent("GET", path, b""))[1])

    def stock(self) -> None:
        """Make what is missing of STOCK."""
        for path, body in STOCK:
            status, said = self.send(Sent("POST", path, json.dumps(body).encode()))
            assert status < 400 or status == 409, said

    def wishes(self) -> str:
        """Everything that people asked for, as the API shows it."""
        shown = {path: [(item.get("ID") or item.get("Id") or item.get("Name"), item.get("Spec") or item.get("Name"))
                        for item in listed]
                 for path in ("/services", "/networks", "/secrets", "/configs", "/nodes")
                 if isinstance(listed := self.get(path), list)}
        shown["/swarm"] = self.get("/swarm").get("Spec")
        # Tasks' containers come and go by themselves, from what was asked before.
        shown["/containers"] = [item["Id"] for item in self.get(f"/containers/json?all=1&filters={NO_TASKS}")]
        return json.dumps(shown, sort_keys=True)

    def check(self, sent: Sent) -> None:
        self.log.found.clear()
        before = self.wishes()
        status, body = self.send(sent)
        said = body.decode(errors="replace")
        if status >= 400 and sent.method != "HEAD":
            assert status < 500 or status in (501, 503) or DOCKERS_OWN.search(said), (status, said)
            assert said == "" or json.loads(said)["message"], "an error is a sentence"
            assert self.wishes() == before, f"{status} {said}, and yet something changed"
        assert "Traceback" not in said and "internal error" not in said, said
        assert not self.log.found, self.log.found


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module")
def manager(folder: Path) -> Iterator[Fuzzed]:
    pid = os.getpid()
    with Fuzzed(folder, f"127.{pid >> 16 & 127}.{pid >> 8 & 255}.{pid & 255 or 1}", True) as node:
        node.stock()
        yield node


@pytest.mark.timeout(0)
def test_a_manager_stands_whatever_it_is_sent(manager: Fuzzed) -> None:
    known = ("web", "n1", "s1", "c1", *(item["ID"] for path in ("/services", "/nodes", "/tasks", "/secrets")
                                        for item in manager.get(path)))
    routes = fuzzed_routes(without=("/swarm/leave",))

    @FAST
    @given(requests(known, routes))
    def story(sent: Sent) -> None:
        manager.check(sent)

    story()


@pytest.mark.timeout(0)
def test_a_node_without_a_swarm_stands_too(tmp_path: Path) -> None:
    routes = fuzzed_routes(without=("/swarm/init", "/swarm/join"))
    with Fuzzed(tmp_path, "127.0.0.1", False) as node:

        @settings(FAST, max_examples=max(EXAMPLES // 4, 50))
        @given(requests(("c1",), routes))
        def story(sent: Sent) -> None:
            node.check(sent)

        story()


@pytest.mark.timeout(0)
def test_the_version_of_an_update_matters_and_a_right_one_is_no_way_round_the_rules(manager: Fuzzed) -> None:
    """Bodies gone wrong, with the version that the object really has: these get as far as the rules."""
    from tests.engine.fuzz_inputs import bodies

    [node] = manager.get("/nodes")
    targets = [("/services/{id}/update", "/services/web"), ("/nodes/{id}/update", "/nodes/" + node["ID"]),
               ("/swarm/update", "/swarm"), ("/secrets/{id}/update", "/secrets/s1")]

    @FAST
    @given(st.sampled_from(targets).flatmap(lambda target: st.tuples(st.just(target), bodies(target[0]))))
    def story(made: tuple[tuple[str, str], bytes]) -> None:
        (template, path), body = made
        found = manager.get(path)
        if "ID" not in found:
            manager.stock()
            found = manager.get(path)
        where = template.replace("{id}", found["ID"])
        manager.check(Sent("POST", f"{where}?version={found['Version']['Index']}", body))

    story()


@pytest.mark.parametrize("raw", [
    b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /info HTTP/9.9\r\n\r\n", b"\x00\x01\x02\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /info HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"GET /info HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /info HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"POST /services/create HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /info HTTP/1.1\r\nHost: x\r\nX\xff: \xff\r\n\r\n", b"GET http://x/info HTTP/1.1\r\n\r\n",
    b"GET * HTTP/1.1\r\n\r\n",
])
def test_broken_http_is_answered_with_400_or_a_closed_connection(manager: Fuzzed, raw: bytes) -> None:
    manager.log.found.clear()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(SECONDS)
        connection.connect(str(manager.socket_path))
        answered = b""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have read enough, and answered
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65536):
                answered += chunk
    assert answered == b"" or not answered.startswith(b"HTTP/1.1 5"), answered[:200]
    assert b"Traceback" not in answered and not manager.log.found, manager.log.found


def test_a_body_larger_than_any_is_refused(manager: Fuzzed) -> None:
    status, said = manager.send(Sent("POST", "/services/create", b'{"Name":"' + b"a" * (6 << 20) + b'"}'))
    assert status == 400 and b"too large" in said
