"""Owns waiting for something to happen: events of every host's engine, keys, and another process's writing.

One pipe wakes the guide; threads read `/events` and write a byte into it. Nobody polls while nothing happens.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable

from labs.kit.engine_client import Engine, EngineError

RETRY_SECONDS = 1.0


class Watcher:
    """`wait` returns what woke it. Close it to end its threads' connections."""

    def __init__(self, engines: Iterable[Engine], on_lost: Callable[[], None] = lambda: None) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._sockets: dict[str, socket.socket] = {}
        self._closed = threading.Event()
        self._on_lost = on_lost
        for engine in engines:
            threading.Thread(target=self._follow, args=(engine,), daemon=True).start()

    def _follow(self, engine: Engine) -> None:
        while not self._closed.is_set():
            try:
                for _ in engine.events(lambda sock: self._sockets.__setitem__(str(engine.path), sock)):
                    self.poke()
            except (OSError, EngineError, ValueError):
                pass  # the daemon went away or starts again: look again, and ask it again in a moment
            self.poke()
            self._on_lost()
            self._closed.wait(RETRY_SECONDS)

    def poke(self) -> None:
        """Wake whoever waits."""
        try:
            os.write(self._write, b"e")
        except OSError:
            pass  # full: it will wake anyway; closed: nobody waits

    def wait(self, keyboard: int | None, seconds: float | None) -> set[str]:
        """`event` and/or `key`; empty after `seconds`."""
        watched = [self._read] + ([keyboard] if keyboard is not None else [])
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._read in ready:
            self._drain()
        return ({"event"} if self._read in ready else set()) | ({"key"} if keyboard in ready else set())

    def quiet(self, seconds: float, longest: float) -> None:
        """Wait until no event came for `seconds`, but no longer than `longest`: one look for a burst of events."""
        end = time.monotonic() + longest
        while time.monotonic() < end and select.select([self._read], [], [], seconds)[0]:
            self._drain()

    def _drain(self) -> None:
        try:
            while os.read(self._read, 4096):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._closed.set()
        for sock in self._sockets.values():
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already
