"""Owns that the case of a field's name does not matter in a request, as in Go's JSON: docker-py sends
`"Mode": {"replicated": …}`. Keys of free maps (labels) are the user's own and stay. Pure.

Counterpart: encoding/json's case-insensitive match of struct fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import inspect


def canonical(value: Any, kind: Any) -> Any:
    """`value` (decoded JSON) with every field of `kind` spelled as the model spells it. Unknown fields stay."""
    return _respell(value, _info(kind))


@lru_cache(maxsize=256)
def _info(kind: Any) -> inspect.Type:
    return inspect.type_info(kind)


@lru_cache(maxsize=256)
def _fields(struct: Any) -> dict[str, inspect.Field]:
    info = _info(struct)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name.lower(): field for field in info.fields}


def _respell(value: Any, info: inspect.Type) -> Any:
    if isinstance(info, inspect.UnionType):
        return next((_respell(value, each) for each in info.types if _shape_fits(value, each)), value)
    if isinstance(info, inspect.StructType) and isinstance(value, dict):
        return _respell_struct(value, _fields(info.cls))
    if isinstance(info, inspect.ListType) and isinstance(value, list):
        return [_respell(item, info.item_type) for item in value]
    if isinstance(info, inspect.DictType) and isinstance(value, dict):
        return {key: _respell(item, info.value_type) for key, item in value.items()}
    return value


def _shape_fits(value: Any, info: inspect.Type) -> bool:
    if isinstance(value, dict):
        return isinstance(info, (inspect.StructType, inspect.DictType))
    return isinstance(value, list) and isinstance(info, inspect.ListType)


def _respell_struct(value: dict[str, Any], fields: dict[str, inspect.Field]) -> dict[str, Any]:
    answer = {}
    for key, item in value.items():
        field = fields.get(key.lower())
        answer[field.encode_name if field else key] = _respell(item, field.type) if field else item
    return answer
