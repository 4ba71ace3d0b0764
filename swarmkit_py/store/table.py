"""Owns one table: objects by id in the order they were created, and the ids by each indexed field's value.

Knows no transactions. Counterpart: the go-memdb tables of swarmkit/manager/state/store.
"""

from __future__ import annotations

from typing import Any


class Table:
    """Objects of one type. `put` keeps an object's place in the order; `fields` are the indexed ones."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        self.rows: dict[str, Any] = {}
        self._fields = fields
        self._index: dict[tuple[str, str], dict[str, None]] = {}

    def put(self, obj: Any) -> None:
        """Store the object in place of the one with its id."""
        old = self.rows.get(obj.id)
        self.rows[obj.id] = obj
        for name in self._fields:
            value = getattr(obj, name)
            if old is not None:
                if getattr(old, name) == value:
                    continue
                self._unlink(old, name)
            self._index.setdefault((name, value), {})[obj.id] = None

    def drop(self, object_id: str) -> None:
        """Forget the object, if it is there."""
        old = self.rows.pop(object_id, None)
        if old is None:
            return
        for name in self._fields:
            self._unlink(old, name)

    def find(self, wanted: dict[str, str]) -> list[Any]:
        """Objects whose fields have these values: by the first indexed field among them, else by a scan."""
        indexed = next((name for name in wanted if name in self._fields), None)
        if indexed is None:
            return [obj for obj in self.rows.values() if matches(obj, wanted)]
        rows = (self.rows[oid] for oid in self._index.get((indexed, wanted[indexed]), ()))
        return [obj for obj in rows if matches(obj, wanted)]

    def _unlink(self, old: Any, name: str) -> None:
        key = (name, getattr(old, name))
        ids = self._index[key]
        del ids[old.id]
        if not ids:
            del self._index[key]


def matches(obj: Any, wanted: dict[str, str]) -> bool:
    """True if each named field has the value asked for."""
    return all(getattr(obj, name) == value for name, value in wanted.items())
