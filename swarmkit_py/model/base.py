"""Owns how a Python field is spelled in Docker's JSON, once for all types. Knows no type by name.

Docker's PascalCase is a rename rule (`node_id` → `NodeID`), so the same msgspec struct is the model, the
Docker API's JSON, the journal's row and the wire message. A field whose default is None (or an *empty* plain
list/dict default) is left out when encoded; one made with `default_factory=empty_map` is always shown, as
Docker always shows `Labels: {}`.
"""

from __future__ import annotations

import msgspec

_WORDS = {
    "id": "ID", "ids": "IDs", "ip": "IP", "ips": "IPs", "tls": "TLS", "ca": "CA", "dns": "DNS", "pid": "PID",
    "cpus": "CPUs", "ipam": "IPAM", "vip": "VIP", "os": "OS", "url": "URL", "uid": "UID", "gid": "GID",
    "tty": "TTY", "vni": "VNI",
}


def docker_name(field: str) -> str:
    """`virtual_ips` → `VirtualIPs`; a trailing underscore (Python keywords) is dropped."""
    return "".join(_WORDS.get(word, word.capitalize()) for word in field.rstrip("_").split("_"))


def empty_map() -> dict[str, str]:
    """A map that is shown even when it is empty."""
    return {}


class Model(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename=docker_name):
    """Base of all model values: frozen (change = `msgspec.structs.replace`), compared by value.

    Subclasses repeat `frozen=True, kw_only=True`: msgspec does not inherit the second, type checkers not the first.
    """
