"""Owns noticing that the other end of a unix socket is gone for good, not merely done sending. Knows nothing else.

After a hijack the client may close its writing half and still read (`echo abc | docker run -i …`). asyncio tells
both the same way; the kernel does not: only a full close raises POLLHUP. An epoll set that asks for nothing else is
itself a file that becomes readable then, so the event loop can watch it without polling.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from typing import Any


class HangupWatch:
    """Calls back once when the peer of `sock` has closed. `close` it when done."""

    def __init__(self, sock: Any, on_hangup: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_hangup = on_hangup
        self._epoll = select.epoll()
        self._epoll.register(sock.fileno(), 0)
        self._loop.add_reader(self._epoll.fileno(), self._fire)

    def _fire(self) -> None:
        self.close()
        self._on_hangup()

    def close(self) -> None:
        if not self._epoll.closed:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
