"""Owns noticing that somebody changed a namespace: the kernel's notifications, as a set of namespaces worth a look.
Must not know what is wanted there, nor what changed.

Our own changes are notified too, and struck out as they end (`calm`); a foreign change in that very moment is left to
the timer. What containers' traffic causes (neighbours that come and go) is no change.
Counterpart: none in moby.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterable

from swarmkit_py import errors
from swarmkit_py.network import namespaces
from swarmkit_py.network.netlink import NETFILTER, RTM_DELNEIGH, RTM_NEWNEIGH
from swarmkit_py.network.requests import NOARP, PERMANENT

ROUTING_GROUPS = (1, 3, 5, 7, 8)
"""RTNLGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV4_RULE."""
TABLES_GROUP = 7
"""NFNLGRP_NFTABLES."""
ADD_MEMBERSHIP, SOL_NETLINK = 1, 270
FAILED = 0x20
"""What a permanent neighbour is for a moment while it is deleted."""
_MESSAGE = struct.Struct("=IH")
_NEIGHBOUR = struct.Struct("=BxxxiH")
Posts = tuple[socket.socket, socket.socket]


class Watch:
    """`changed` is set while `dirty` has something in it."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.dirty: set[str] = set()
        self._posts: dict[str, Posts] = {}

    def open_missing(self, wanted: Iterable[str]) -> dict[str, Posts]:
        """Posts for those namespaces that have none yet; blocks. A namespace that is gone gets none."""
        found = {}
        for namespace in set(wanted) - self._posts.keys():
            try:
                found[namespace] = namespaces.inside(namespace, _open)
            except (errors.NotFound, errors.Internal, OSError):
                continue
        return found

    def follow(self, wanted: Iterable[str], opened: dict[str, Posts]) -> None:
        """Watch exactly the wanted ones; runs on the loop, with what `open_missing` gave."""
        loop = asyncio.get_running_loop()
        for namespace, posts in opened.items():
            if namespace in self._posts:
                _close(posts)
                continue
            self._posts[namespace] = posts
            for post in posts:
                loop.add_reader(post, self._hear, namespace, post)
        for namespace in self._posts.keys() - set(wanted):
            self._leave(namespace)

    def calm(self, before: frozenset[str]) -> None:
        """Strike out what our own change has caused; `before` is what was dirty when it began. From any thread."""
        for posts in list(self._posts.values()):
            for post in posts:
                _read(post)
        self.dirty &= before

    def take(self) -> set[str]:
        """All that is dirty, to be looked at now."""
        found, self.dirty = self.dirty, set()
        self.changed.clear()
        return found

    def close(self) -> None:
        for namespace in list(self._posts):
            self._leave(namespace)

    def _leave(self, namespace: str) -> None:
        posts = self._posts.pop(namespace)
        for post in posts:
            asyncio.get_running_loop().remove_reader(post)
        _close(posts)
        self.dirty.discard(namespace)

    def _hear(self, namespace: str, post: socket.socket) -> None:
        if _read(post):
            self.dirty.add(namespace)
            self.changed.set()


def _open() -> Posts:
    return _post(0, ROUTING_GROUPS), _post(NETFILTER, (TABLES_GROUP,))


def _post(family: int, groups: Iterable[int]) -> socket.socket:
    post = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, family)
    post.bind((0, 0))
    for group in groups:
        post.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, group)
    return post


def _close(posts: Posts) -> None:
    for post in posts:
        post.close()


def _read(post: socket.socket) -> bool:
    """Take all that is there. True if some of it is a change."""
    changed = False
    while True:
        try:
            data = post.recv(1 << 16)
        except BlockingIOError:
            return changed
        except OSError:
            return True  # more than the buffer holds: certainly something
        changed = changed or _tells(data)


def _tells(data: bytes) -> bool:
    offset = 0
    while offset + 16 <= len(data):
        length, kind = _MESSAGE.unpack_from(data, offset)
        if kind not in (RTM_NEWNEIGH, RTM_DELNEIGH):
            return True
        family, _, state = _NEIGHBOUR.unpack_from(data, offset + 16)
        if family == socket.AF_BRIDGE or state & (PERMANENT | NOARP | FAILED):
            return True
        offset += (max(length, 16) + 3) & ~3
    return False
