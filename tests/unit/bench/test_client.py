"""The client of the benchmarks, against a server in this process."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from labs.kit.bench import client


@contextmanager
def server(status: int, *containers: str) -> Iterator[str]:
    """Answers as one of `containers` after the other."""
    asked: list[int] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(1)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"hostname: {containers[len(asked) % len(containers)]}\n".encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http_server.server_port}/"
        http_server.shutdown()


def test_it_waits_until_so_many_containers_have_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, "0123456789ab", "ba9876543210") as url:
        client.main(["serve", "2", "5", url])
    go, moment = capsys.readouterr().out.split()
    assert go == "go"
    assert float(moment) > 0


def test_it_says_how_many_were_missing() -> None:
    with server(200, "0123456789ab") as url, pytest.raises(SystemExit, match="only 1 of 2 containers"):
        client.serve(2, 0.3, url)


def test_answers_that_are_no_200_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    with server(503, "0123456789ab") as url:
        client.load(0.2, 2, url)
    assert float(capsys.readouterr().out) == 0


def test_load_counts_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, "0123456789ab") as url:
        client.load(0.3, 2, url)
    assert float(capsys.readouterr().out) > 10


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, "0123456789ab") as url:
        pass
    client.load(0.1, 2, url)
    assert float(capsys.readouterr().out) == 0


def test_it_says_when_the_last_of_several_addresses_answered(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, "0123456789ab") as one, server(200, "ba9876543210") as two:
        before = time.time()
        client.main(["reach", "20", one, two])
    assert before < float(capsys.readouterr().out.split()[1]) <= time.time()
    with server(503, "0123456789ab") as url, pytest.raises(SystemExit, match=f"not reached within 0.1 s: {url}"):
        client.reach(0.1, [url])


def test_it_says_what_the_middle_one_of_single_requests_took(capsys: pytest.CaptureFixture[str]) -> None:
    with server(200, "0123456789ab") as url:
        client.main(["single", "0.2", url])
    assert 0 < float(capsys.readouterr().out.split()[1]) < 0.2
