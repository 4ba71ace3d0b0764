"""Runs on the `client` host, outside the swarm, on the standard library alone: sends HTTP requests, says what came.

    burst COUNT RATE URL…          one JSON line: the answers, in the order they were asked
    traffic RATE FILE URL…         until FILE is removed; FILE holds what happened, second by second
    probe RATE FILE FLAG URL…      until FLAG is removed; FILE gets a JSON line for each request
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 3.0
KEPT_BYTES = 2048
WORKERS = 32
CLOSEST = 0.96
"""Of the time between two requests: they never follow each other faster, not even after a delay."""
OWED = 0.5
"""Seconds of delay that are made good; what is older is forgotten."""
MISSED = 0.03
"""Seconds after its moment until a request may leave."""
KEPT_SECONDS = 60
KEPT_HEAD = 600
"""Bytes of each answer that a probe keeps: the headers, and who answered."""


def ask(url: str) -> dict[str, Any]:
    """One request on a connection of its own: a mesh balances connections, not requests."""
    parts = urlsplit(url)
    started = time.monotonic()
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"Connection": "close"})
        answer = connection.getresponse()
        head = "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
        text = head + "\n" + answer.read(KEPT_BYTES).decode(errors="replace")
        return {"url": url, "status": answer.status, "text": text, "ms": _ms(started)}
    except (OSError, http.client.HTTPException) as error:
        return {"url": url, "status": 0, "text": str(error) or type(error).__name__, "ms": _ms(started)}
    finally:
        connection.close()


def _ms(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


class Pace:
    """Gives out the moments to send at, `rate` a second, to any number of threads; None when it is over.

    Who comes late, as the processor was busy with others, does not send what is overdue all at once: a server that
    takes so many a second would refuse those, and nobody but the machine would be to blame. Whoever missed its moment
    gets another one, behind the others', and what is owed is made good slowly."""

    def __init__(self, rate: float, count: int | None = None) -> None:
        self._rate, self._count, self._given = rate, count, 0
        self._lock, self._over = threading.Lock(), threading.Event()
        self._start = time.monotonic()
        self._last = self._start - 1 / rate

    def next(self) -> int | None:
        with self._lock:
            number = self._given
            if self._count is not None and number >= self._count:
                return None
            self._given += 1
            due = self._start + number / self._rate
            moment = self._after(due)
            self._start += max(0.0, moment - due - OWED)
        while not self._over.wait(max(0.0, moment - time.monotonic())):
            with self._lock:
                now = time.monotonic()
                if now <= moment + MISSED:
                    return number
                moment = self._after(now)
        return None

    def _after(self, moment: float) -> float:
        """This moment, or as soon after the last one given out as may be."""
        self._last = max(moment, self._last + CLOSEST / self._rate)
        return self._last

    def end(self) -> None:
        self._over.set()


def _in_threads(work: Any) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    return threads


def burst(count: int, rate: float, urls: list[str]) -> list[dict[str, Any]]:
    """`count` answers, asked at `rate` a second of the URLs in turn."""
    pace = Pace(rate, count)
    answers: list[dict[str, Any]] = [{}] * count

    def work() -> None:
        while (number := pace.next()) is not None:
            answers[number] = ask(urls[number % len(urls)])

    for thread in _in_threads(work):
        thread.join()
    return answers


def traffic(rate: float, path: Path, urls: list[str]) -> None:
    """Ask at `rate` a second until the file is gone; each second, write what happened in the last minute."""
    pace, lock = Pace(rate), threading.Lock()
    seconds: dict[int, list[int]] = {}

    def work() -> None:
        while (number := pace.next()) is not None:
            good = ask(urls[number % len(urls)])["status"] == 200
            with lock:
                entry = seconds.setdefault(int(time.monotonic()), [0, 0])
                entry[0] += 1
                entry[1] += not good

    _write(path, rate, {})
    _in_threads(work)
    tick = threading.Event()
    while path.exists():
        tick.wait(1.0)
        with lock:
            recent = dict(sorted(seconds.items())[-KEPT_SECONDS:])
        if path.exists():
            _write(path, rate, recent)
    pace.end()


def probe(rate: float, path: Path, flag: Path, urls: list[str]) -> None:
    """Ask at `rate` a second until the flag is gone; every answer is a line, when it has come."""
    pace, lock = Pace(rate), threading.Lock()
    flag.write_text(str(os.getpid()))
    with path.open("a") as file:

        def work() -> None:
            while (number := pace.next()) is not None:
                sent = time.monotonic()
                answer = ask(urls[number % len(urls)])
                line = json.dumps({**answer, "t": sent, "text": answer["text"][:KEPT_HEAD]}, separators=(",", ":"))
                with lock:
                    file.write(line + "\n")
                    file.flush()

        threads = _in_threads(work)
        tick = threading.Event()
        while flag.exists():
            tick.wait(0.2)
        pace.end()
        for thread in threads:
            thread.join(2 * TIMEOUT)


def _write(path: Path, rate: float, seconds: dict[int, list[int]]) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"rate": rate, "pid": os.getpid(), "now": time.monotonic(),
                                 "seconds": [[at, *counts] for at, counts in seconds.items()]}))
    fresh.replace(path)


def main(words: list[str]) -> int:
    """The command line above."""
    if words[0] == "burst":
        print(json.dumps(burst(int(words[1]), float(words[2]), words[3:])))
    elif words[0] == "probe":
        probe(float(words[1]), Path(words[2]), Path(words[3]), words[4:])
    else:
        traffic(float(words[1]), Path(words[2]), words[3:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
