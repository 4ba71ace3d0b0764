"""Runs on the `client` host, outside the swarm, on the standard library alone: asks over HTTP, and counts.

    serve COUNT SECONDS URL        until COUNT different containers have answered; prints the moment (CLOCK_MONOTONIC)
    load SECONDS CONNECTIONS URL   as many requests as possible, a new connection each; prints requests a second
    single SECONDS URL             one request after the other; prints the seconds of the middle one
    reach SECONDS URL…             until each URL has answered; prints the moment (seconds since 1970)
All print `go` when they start.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time
from statistics import median
from urllib.parse import urlsplit

CONTAINER = re.compile(rb"\b[0-9a-f]{12}\b")
TIMEOUT = 2.0
PACE = 0.002
"""Seconds that one of several addresses is waited for before the next is looked at."""


class Asker:
    """One request after the other on `width` connections at once, never blocking."""

    def __init__(self, url: str, width: int) -> None:
        parts = urlsplit(url)
        self._where = (parts.hostname or "", parts.port or 80)
        self._request = f"GET {parts.path or '/'} HTTP/1.0\r\nHost: {parts.hostname}\r\n\r\n".encode()
        self._width = width
        self._poll = selectors.DefaultSelector()
        self._open: dict[socket.socket, tuple[float, bytearray]] = {}

    def answers(self, until: float) -> list[bytes]:
        """Whatever is complete after one look at the connections; opens new ones first."""
        while len(self._open) < self._width:
            self._connect()
        done = []
        for key, events in self._poll.select(min(0.05, max(0.0, until - time.monotonic()))):
            answer = self._serve(key.fileobj, events)  # type: ignore[arg-type]
            if answer:
                done.append(answer)
        self._give_up_on_late_ones()
        return done

    def _connect(self) -> None:
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(self._where)
        self._poll.register(one, selectors.EVENT_WRITE)
        self._open[one] = (time.monotonic(), bytearray())

    def _serve(self, one: socket.socket, events: int) -> bytes:
        """The whole answer, if it is complete now; empty else, also for a failed connection."""
        try:
            if events & selectors.EVENT_WRITE:
                one.send(self._request)
                self._poll.modify(one, selectors.EVENT_READ)
                return b""
            data = one.recv(65536)
            if data:
                self._open[one][1].extend(data)
                return b""
            answer = bytes(self._open[one][1])
        except OSError:
            answer = b""
        self._close(one)
        return answer if answer.split(b"\r\n", 1)[0].endswith(b" 200 OK") else b""

    def _give_up_on_late_ones(self) -> None:
        late = time.monotonic() - TIMEOUT
        for one in [one for one, (since, _) in self._open.items() if since < late]:
            self._close(one)

    def _close(self, one: socket.socket) -> None:
        self._poll.unregister(one)
        one.close()
        del self._open[one]


def serve(count: int, seconds: float, url: str) -> None:
    """Prints the moment at which the last of `count` containers was first heard."""
    asker, seen, end = Asker(url, 2), set[bytes](), time.monotonic() + seconds
    while len(seen) < count:
        if time.monotonic() >= end:
            sys.exit(f"only {len(seen)} of {count} containers answered within {seconds:g} s")
        for answer in asker.answers(end):
            seen.update(CONTAINER.findall(answer)[:1])
    print(time.monotonic(), flush=True)


def load(seconds: float, connections: int, url: str) -> None:
    """Prints complete answers a second."""
    asker, answered, start = Asker(url, connections), 0, time.monotonic()
    while time.monotonic() < start + seconds:
        answered += len(asker.answers(start + seconds))
    print(answered / (time.monotonic() - start), flush=True)


def single(seconds: float, url: str) -> None:
    """Prints how long the middle one took: a busy machine interrupts many."""
    asker, took, end = Asker(url, 1), list[float](), time.monotonic() + seconds
    while (begin := time.monotonic()) < end:
        while not asker.answers(begin + TIMEOUT):
            if time.monotonic() > begin + TIMEOUT:
                sys.exit(f"{url} does not answer")
        took.append(time.monotonic() - begin)
    print(median(took), flush=True)


def reach(seconds: float, urls: list[str]) -> None:
    """Prints the moment at which the last of them answered for the first time."""
    waiting, end = {url: Asker(url, 1) for url in urls}, time.monotonic() + seconds
    while waiting:
        if time.monotonic() >= end:
            sys.exit(f"not reached within {seconds:g} s: {', '.join(waiting)}")
        for url, asker in list(waiting.items()):
            if asker.answers(time.monotonic() + PACE):
                del waiting[url]
    print(time.time(), flush=True)


def main(words: list[str]) -> None:
    print("go", flush=True)
    if words[0] == "serve":
        serve(int(words[1]), float(words[2]), words[3])
    elif words[0] == "single":
        single(float(words[1]), words[2])
    elif words[0] == "reach":
        reach(float(words[1]), words[2:])
    else:
        load(float(words[1]), int(words[2]), words[3])


if __name__ == "__main__":
    main(sys.argv[1:])
