"""Owns the way to the member on this machine: etcd's JSON gateway over a unix socket that only its owner may open.

`txn_now` uses a connection of its own and blocks; all else is awaited. Knows no objects and no managers.
Counterpart: go.etcd.io/etcd/api/etcdserverpb/rpc.proto, and its gateway's mapping to JSON (bytes are base64, 64-bit
numbers are strings, what is zero is left out).
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from swarmkit_py.etcd.base import Compare, Done, Event, Item, Member, Put, Refused, Silent, Status

COMMIT_SECONDS = 4.0
"""A commit waits this long for the other members (two elections of Raft); the daemon does nothing else meanwhile."""
CALL_SECONDS = 2.0
PAGE = 500
"""Rows of one answer."""
_TOO_LONG = 100
"""Bytes of a socket's path that every kernel takes."""

Json = dict[str, Any]


class Gateway:
    """The member behind the socket at `path`. `close` it when done."""

    def __init__(self, path: Path, commit_seconds: float = COMMIT_SECONDS) -> None:
        self._path = path
        self._commit_seconds = commit_seconds
        self._wire: _Wire | None = None
        self._http: aiohttp.ClientSession | None = None
        self._folder = -1

    def txn_now(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done:
        """See Etcd."""
        body = json.dumps(_txn(compares, puts, deletes)).encode()
        try:
            if self._wire is None:
                self._wire = _Wire(self._address(), self._commit_seconds)
            status, data = self._wire.post("/v3/kv/txn", body)
        except (OSError, http.client.HTTPException) as error:
            self._drop_wire()
            raise Silent(f"etcd does not answer ({error or type(error).__name__})") from None
        return _done(_checked(status, data))

    async def txn(self, compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Done:
        """See Etcd."""
        return _done(await self._call("kv/txn", _txn(compares, puts, deletes)))

    async def read(self, prefix: str) -> tuple[int, list[Item]]:
        """See Etcd."""
        found: list[Item] = []
        key, revision = prefix, 0
        while True:
            answer = await self._call("kv/range", {
                "key": _b64(key), "range_end": _b64(_after(prefix)), "limit": PAGE, "revision": revision})
            revision = revision or int(answer["header"]["revision"])
            page = [_item(pair) for pair in answer.get("kvs", ())]
            found += page
            if not answer.get("more"):
                return revision, sorted(found, key=lambda item: item.created)
            key = page[-1].key + "\0"

    async def watch(self, prefix: str, revision: int) -> AsyncIterator[list[Event]]:
        """See Etcd."""
        request = {"create_request": {
            "key": _b64(prefix), "range_end": _b64(_after(prefix)), "start_revision": str(revision)}}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_SECONDS)
        rest = b""
        try:
            async with self._session().post(_url("watch"), json=request, timeout=timeout) as response:
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        if events := _watched(line):
                            yield events
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise Silent(f"etcd's watch ended ({error})") from None
        raise Silent("etcd's watch ended")

    async def grant(self, seconds: int) -> int:
        """See Etcd."""
        return int((await self._call("lease/grant", {"TTL": seconds}))["ID"])

    async def keep_alive(self, lease: int) -> bool:
        """See Etcd."""
        answer = await self._call("lease/keepalive", {"ID": str(lease)})
        return int(answer.get("result", {}).get("TTL", 0)) > 0

    async def revoke(self, lease: int) -> None:
        """See Etcd."""
        await self._call("lease/revoke", {"ID": str(lease)})

    async def status(self) -> Status:
        """See Etcd."""
        answer = await self._call("maintenance/status", {})
        return Status(int(answer["header"]["member_id"]), int(answer.get("leader", 0)),
                      bool(answer.get("isLearner", False)))

    async def members(self) -> list[Member]:
        """See Etcd."""
        answer = await self._call("cluster/member/list", {})
        return [Member(int(member["ID"]), member.get("name", ""), (member.get("peerURLs") or [""])[0],
                       bool(member.get("isLearner", False))) for member in answer.get("members", ())]

    async def add_learner(self, peer_url: str) -> int:
        """See Etcd."""
        answer = await self._call("cluster/member/add", {"peerURLs": [peer_url], "isLearner": True})
        return int(answer["member"]["ID"])

    async def promote(self, member_id: int) -> None:
        """See Etcd."""
        await self._call("cluster/member/promote", {"ID": str(member_id)})

    async def remove(self, member_id: int) -> None:
        """See Etcd."""
        await self._call("cluster/member/remove", {"ID": str(member_id)})

    async def move_leader(self, member_id: int) -> None:
        """See Etcd."""
        await self._call("maintenance/transfer-leadership", {"targetID": str(member_id)})

    async def close(self) -> None:
        """Let go of all connections."""
        self._drop_wire()
        client, self._http = self._http, None
        if client is not None:
            await client.close()
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)

    async def _call(self, path: str, body: Json) -> Json:
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        try:
            async with self._session().post(_url(path), json=body, timeout=timeout) as response:
                return _checked(response.status, await response.read())
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise Silent(f"etcd does not answer ({error or type(error).__name__})") from None

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(connector=aiohttp.UnixConnector(self._address()), trust_env=False)
        return self._http

    def _address(self) -> str:
        """The socket's path; by its folder's descriptor where it would be too long for the kernel."""
        if len(os.fsencode(self._path)) <= _TOO_LONG:
            return str(self._path)
        if self._folder < 0:
            self._folder = os.open(self._path.parent, os.O_PATH | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._folder}/{self._path.name}"

    def _drop_wire(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()


class _Wire(http.client.HTTPConnection):
    """HTTP over a unix socket; every step of it has the same time limit."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("etcd", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        self.request("POST", path, body, {"Content-Type": "application/json"})
        answer = self.getresponse()
        return answer.status, answer.read()


def _checked(status: int, data: bytes) -> Json:
    try:
        answer: Json = json.loads(data.splitlines()[0] if data else b"{}")
    except ValueError:
        raise Silent(f"etcd's answer was not understood: {data[:100]!r}") from None
    if status == 200 and "error" not in answer:
        return answer
    text = str(answer.get("message") or answer.get("error") or status)
    # "Unavailable" and "DeadlineExceeded" of gRPC: no majority, or none in time.
    raise (Silent if answer.get("code") in (4, 14) else Refused)(f"etcd: {text}")


def _watched(line: bytes) -> list[Event]:
    if not line.strip():
        return []
    message = json.loads(line)
    result = message.get("result")
    if result is None or result.get("canceled"):
        raise Silent(f"etcd's watch ended ({message})")  # compacted: read everything again
    return [_event(event) for event in result.get("events", ())]


def _event(event: Json) -> Event:
    pair = event["kv"]
    value = None if event.get("type") == "DELETE" else _unb64(pair.get("value", ""))
    return Event(_unb64(pair["key"]).decode(), value, int(pair.get("create_revision", 0)), int(pair["mod_revision"]))


def _item(pair: Json) -> Item:
    return Item(_unb64(pair["key"]).decode(), _unb64(pair.get("value", "")), int(pair["create_revision"]))


def _done(answer: Json) -> Done:
    return Done(bool(answer.get("succeeded", False)), int(answer["header"]["revision"]))


def _txn(compares: Sequence[Compare], puts: Sequence[Put], deletes: Sequence[str]) -> Json:
    writes: list[Json] = [{"request_put": _put(put)} for put in puts]
    writes += [{"request_delete_range": {"key": _b64(key)}} for key in deletes]
    return {"compare": [_compare(compare) for compare in compares], "success": writes}


def _put(put: Put) -> Json:
    return {"key": _b64(put.key), "value": _b64(put.value), **({"lease": str(put.lease)} if put.lease else {})}


def _compare(compare: Compare) -> Json:
    if compare.created is not None:
        return {"key": _b64(compare.key), "target": "CREATE", "create_revision": str(compare.created)}
    return {"key": _b64(compare.key), "target": "VALUE", "value": _b64(compare.value or b"")}


def _after(prefix: str) -> str:
    """The end of the range of all keys that begin so."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text)


def _url(path: str) -> str:
    return f"http://etcd/v3/{path}"
