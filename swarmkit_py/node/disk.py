"""Owns what a node keeps on disk of its membership: certificates, state, the manager's journal, the worker's tasks.

The state file is written last and removed first: a node is a member exactly if it is there.
Counterpart: /var/lib/docker/swarm and moby/daemon/cluster/utils.go.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
from msgspec import field

from swarmkit_py.ca.tls import CertificateFiles, write_private
from swarmkit_py.docker_api.backend import JoinRequest
from swarmkit_py.errors import Internal
from swarmkit_py.model.base import Model
from swarmkit_py.model.states import Role


class Membership(Model, frozen=True, kw_only=True):
    """Which swarm, as whom, reachable where. Addresses: `addr` without a port, the others with."""

    node_id: str
    cluster_id: str
    role: Role
    addr: str
    listen_addr: str = ""
    advertise_addr: str = ""
    managers: list[tuple[str, str]] = field(default_factory=list)
    shared: bool = False
    """True where the store is in etcd, and no longer in this manager's journal."""


class PendingJoin(Model, frozen=True, kw_only=True):
    """A `swarm join` whose manager has not answered yet, and this node's address towards it."""

    request: JoinRequest
    addr: str


class SwarmDisk:
    """The folder `swarm` of the data root."""

    def __init__(self, data_root: Path) -> None:
        self.folder = data_root / "swarm"
        self.certificates = CertificateFiles(self.folder / "certificates")
        self.journal = self.folder / "manager" / "store.db"
        self.etcd = self.folder / "manager" / "etcd"
        self.member = self.folder / "manager" / "member.sealed"
        self.worker = self.folder / "worker" / "tasks.db"
        self._state = self.folder / "state.json"
        self._joining = self.folder / "joining.json"

    def load(self) -> Membership | None:
        """None outside a swarm. Raises Internal for a file that is not ours."""
        try:
            data = self._state.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(data, type=Membership)
        except msgspec.DecodeError as error:
            raise Internal(f"{self._state} cannot be read ({error}): restore it, or leave the swarm with "
                           '"docker swarm leave --force"') from None

    def is_member(self) -> bool:
        """True in a swarm, whether what is on disk can be read or not."""
        return self._state.exists()

    def save(self, membership: Membership) -> None:
        self.prepare()
        write_private(self._state, msgspec.json.encode(membership))

    def prepare(self) -> None:
        """The folders, for this user only."""
        for folder in (self.folder, self.journal.parent, self.worker.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def wipe(self) -> None:
        """Forget the swarm."""
        self._state.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.certificates.unlock_key = ""

    def save_member(self, sealed: bytes) -> None:
        """What this manager's etcd member is, sealed."""
        write_private(self.member, sealed)

    def forget_journal(self) -> None:
        """The store is elsewhere now: remove the journal with its files and copies."""
        for path in self.journal.parent.glob(f"{self.journal.stem}*"):
            path.unlink(missing_ok=True)

    def forget_manager(self) -> None:
        """This node is no manager any more: its store and the store's key go, and the lock that managers have."""
        shutil.rmtree(self.journal.parent, ignore_errors=True)
        self.certificates.lock_with("")
        self.certificates.save_data_key(None)

    def save_joining(self, joining: PendingJoin | None) -> None:
        """What this node goes on trying, over restarts too (None: no more)."""
        if joining is None:
            self._joining.unlink(missing_ok=True)
            return
        self.prepare()
        write_private(self._joining, msgspec.json.encode(joining))

    def load_joining(self) -> PendingJoin | None:
        """None if nothing was being tried; what cannot be read is forgotten."""
        try:
            return msgspec.json.decode(self._joining.read_bytes(), type=PendingJoin)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def daemon_id(data_root: Path, make: str) -> str:
    """This daemon's own id, made once and kept."""
    path = data_root / "engine-id"
    try:
        if found := path.read_text().strip():
            return found
    except FileNotFoundError:
        pass
    write_private(path, make.encode())
    return make


