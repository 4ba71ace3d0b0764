"""Owns what all objects share on their way into Docker's JSON. Knows no object by name.

Counterpart: moby/daemon/cluster/convert.
"""

from __future__ import annotations

from typing import Any

import msgspec

from swarmkit_py.model.objects import Object

Json = dict[str, Any]


def meta(obj: Object) -> Json:
    """The head of every swarm object: id, version, times."""
    return {"ID": obj.id, "Version": {"Index": obj.index}, "CreatedAt": obj.created_at, "UpdatedAt": obj.updated_at}


def plain(value: Any) -> Any:
    """A model value as dicts and lists in Docker's spelling."""
    return msgspec.to_builtins(value)


def without_empty_lists(value: Any) -> Any:
    """JSON with every empty list member dropped: to Docker an empty list and none at all are the same, and a spec
    must compare equal after the CLI has read it and sent it back."""
    if isinstance(value, dict):
        return {key: without_empty_lists(item) for key, item in value.items() if item != []}
    if isinstance(value, list):
        return [without_empty_lists(item) for item in value]
    return value
