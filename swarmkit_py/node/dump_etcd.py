"""Owns reading what a manager's etcd member has stored while the daemon does not run: a copy of its data is started
as a member of its own, alone, and asked. What is on disk is not changed.

Counterpart: swarmkit/swarmd/cmd/swarm-rafttool (which reads the Raft log itself).
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from swarmkit_py.clock import SystemClock
from swarmkit_py.errors import Unavailable
from swarmkit_py.etcd.base import PREFIX
from swarmkit_py.etcd.journal import EtcdJournal
from swarmkit_py.etcd.member import PeerFiles, Place
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import StoreObject
from swarmkit_py.model.states import Role
from swarmkit_py.node.disk import Membership
from swarmkit_py.node.raft_member import MemberIdentity, first_identity, launch, new_authority, until_it_answers
from swarmkit_py.store.rows import Rows

_ANYWHERE = "127.0.0.1:0"
_FILES = "member/snap/db"
"""What etcd itself locks, below its data."""


async def read_member(
    data: Path, membership: Membership, rows: Rows, program: str,
) -> tuple[int, list[StoreObject]]:
    """The index and the objects that this member knows: what was agreed on when it ended, as far as it was told.
    Raises FailedPrecondition without etcd, Unavailable if a daemon uses `data`, Internal for what is damaged."""
    _refuse_running(data)
    with TemporaryDirectory(prefix="swarmd-dump-", dir=data.parent) as folder:
        place = Place(program, Path(folder) / "data", Path(folder) / "run")
        shutil.copytree(data, place.data)
        return await _read(place, membership, rows)


async def _read(place: Place, membership: Membership, rows: Rows) -> tuple[int, list[StoreObject]]:
    clock, identity = SystemClock(), _throwaway(membership)
    process, etcd = launch(place, membership.node_id, identity.peer_address)
    process.start(PeerFiles(identity.authority, identity.cert, identity.key), identity.cluster, new=False, alone=True)
    try:
        await until_it_answers(etcd, clock)
        _, items = await etcd.read(PREFIX)
        return EtcdJournal(etcd, rows, lambda: None).read(items)
    finally:
        await etcd.close()
        await process.stop()


def _throwaway(membership: Membership) -> MemberIdentity:
    """A member that meets nobody needs no key that means anything."""
    clock = SystemClock()
    me = Identity(node_id=membership.node_id, cluster_id=membership.cluster_id, role=Role.MANAGER)
    return first_identity(new_authority(clock), me, _ANYWHERE, clock)


def _refuse_running(data: Path) -> None:
    try:
        with (data / _FILES).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        raise Unavailable(f"no etcd member has kept anything under {data}") from None
    except OSError:
        raise Unavailable(f"{data} is in use: a store belongs to the daemon that runs; stop it first") from None
