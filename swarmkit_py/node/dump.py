"""Owns `swarmd --dump-store`: what a manager has stored, to look at, in its journal or (one of several) in its etcd
member. The daemon itself must not run meanwhile.

Keys, tokens and the data of secrets are left out: they are for managers, not for screens.
Counterpart: swarmkit/swarmd/cmd/swarm-rafttool (dump-object).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from swarmkit_py.errors import NotFound
from swarmkit_py.model.objects import Object, Secret, StoreObject
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.dump_etcd import read_member
from swarmkit_py.store.journal import SqliteJournal
from swarmkit_py.store.rows import Rows

HIDDEN = "(not shown)"


def dump_store(data_root: Path, etcd: str = "etcd") -> Iterator[str]:
    """One JSON line for the version of the store, then one for each object, with its kind. `etcd`: the program, for a
    manager of several. Raises NotFound where no manager was, Unavailable for a manager that is locked or runs,
    FailedPrecondition without etcd where one is needed, Internal for a damaged store."""
    disk = SwarmDisk(data_root)
    member = disk.load()
    shared = member is not None and member.shared
    if not shared and not disk.journal.exists():
        raise NotFound(f"no manager has kept anything under {data_root}: there is no {disk.journal}")
    key = disk.certificates.read().data_key
    if key is None:
        raise NotFound(f"the key of {disk.journal.parent} is not beside it")
    index, objects = _of_etcd(disk, member, key, etcd) if member and shared else _of_journal(disk, key)
    yield _line({"Index": index})
    for found in objects:
        yield _line({"Kind": type(found).__name__, **_shown(found)})


def _of_journal(disk: SwarmDisk, key: bytes) -> tuple[int, list[StoreObject]]:
    journal = SqliteJournal(disk.journal, key, must_exist=True)
    try:
        return journal.load()
    finally:
        journal.close()


def _of_etcd(disk: SwarmDisk, member: Membership, key: bytes, program: str) -> tuple[int, list[StoreObject]]:
    return asyncio.run(read_member(disk.etcd, member, Rows(key), program))


def _shown(found: Object) -> Any:
    """The object as JSON's types, without what nobody should read."""
    if isinstance(found, Secret):
        found = replace(found, spec=replace(found.spec, data=b""))
    return _without_keys(msgspec.to_builtins(found))


def _without_keys(value: Any, name: str = "") -> Any:
    """By name for what opens the swarm, by sight for private keys wherever they are."""
    if isinstance(value, dict):
        below = "JoinTokens" if name == "JoinTokens" else ""
        return {key: _without_keys(item, below or key) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_keys(item) for item in value]
    secret = isinstance(value, str) and (name in ("JoinTokens", "UnlockKey") or "PRIVATE KEY" in value)
    return HIDDEN if secret and value else value


def _line(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
