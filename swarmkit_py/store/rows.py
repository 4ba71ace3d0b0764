"""Owns how an object becomes a row of a journal, sealed, and a row an object again. Pure but for the seal's nonces.

Whatever keeps rows sees kinds and ids, and nothing of what the objects say. Counterpart: swarmkit/manager/encryption
as swarmkit/manager/state/raft/storage uses it (entries there, objects here).
"""

from __future__ import annotations

import msgspec

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.objects import Cluster, Config, Network, Node, Object, Secret, Service, StoreObject, Task
from swarmkit_py.seal import BrokenSeal, Seal

KINDS: dict[str, type[StoreObject]] = {
    "cluster": Cluster, "node": Node, "network": Network, "service": Service, "task": Task,
    "secret": Secret, "config": Config,
}
NAMES: dict[type[Object], str] = {kind: name for name, kind in KINDS.items()}
_DECODERS = {name: msgspec.json.Decoder(kind) for name, kind in KINDS.items()}
_ENCODER = msgspec.json.Encoder()


class BrokenRow(InvalidArgument):
    """Not as it was written, of another place or of another key."""


class Rows:
    """Rows under one key. A row's place is sealed with it: rows that were exchanged are noticed."""

    def __init__(self, key: bytes) -> None:
        self.seal = Seal(key)

    def close(self, obj: StoreObject) -> bytes:
        """The object as a row of its kind and id."""
        return self.seal.close(_ENCODER.encode(obj), label(NAMES[type(obj)], obj.id))

    def open(self, kind: str, object_id: str, data: bytes) -> StoreObject:
        """Raises BrokenRow."""
        try:
            return _DECODERS[kind].decode(self.seal.open(data, label(kind, object_id)))
        except (BrokenSeal, KeyError):
            raise BrokenRow(f"the {kind} {object_id} is not as it was written") from None
        except msgspec.MsgspecError as error:
            raise BrokenRow(f"the {kind} {object_id} cannot be read: {error}") from error


def label(kind: str, object_id: str) -> str:
    """What names a row's place."""
    return f"{kind}/{object_id}"
