"""Owns `filters=`: both spellings, which keys a list accepts, and the ways of comparing. Knows no objects.

The CLI sends `{"name":{"web":true}}`, the SDK `{"name":["web"]}`. Values of one key are or-ed (labels: and-ed), keys
and-ed. Counterpart: moby/api/types/filters/parse.go and daemon/cluster/filters.go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from swarmkit_py.errors import InvalidArgument, Unimplemented

NODES = {"id", "label", "membership", "name", "node.label", "role"}
SERVICES = {"id", "label", "mode", "name", "runtime"}
TASKS = {"id", "label", "name", "node", "service", "desired-state", "runtime", "_up-to-date"}
SECRETS = {"id", "label", "name", "names"}
CONFIGS = {"id", "label", "name"}
NETWORKS = {"dangling", "driver", "id", "idOrName", "label", "name", "scope", "type"}
NETWORK_PRUNE = {"label", "label!", "until"}
CONTAINERS = {
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
    "publish", "since", "status", "volume",
}
IMAGES = {"before", "dangling", "label", "reference", "since", "until"}
EVENTS = {
    "config", "container", "daemon", "event", "image", "label", "network", "node", "plugin", "scope", "secret",
    "service", "type", "volume",
}
VOLUMES = {"dangling", "driver", "label", "name"}


class Filters:
    """What one request filters by: key → values."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = {key: list(found) for key, found in values.items()}

    def __contains__(self, key: str) -> bool:
        return bool(self._values.get(key))

    def get(self, key: str) -> list[str]:
        return self._values.get(key, [])

    def as_lists(self) -> dict[str, list[str]]:
        """All that is asked for."""
        return {key: list(values) for key, values in self._values.items()}

    def exact(self, key: str, *found: str) -> bool:
        """True if the key is not asked for, or one of its values is one of `found`."""
        return key not in self or any(value in found for value in self.get(key))

    def prefix(self, key: str, *found: str) -> bool:
        """True if the key is not asked for, or one of its values begins one of `found`."""
        return key not in self or any(item.startswith(value) for value in self.get(key) for item in found)

    def test(self, key: str, matches: Callable[[str], bool]) -> bool:
        """True if the key is not asked for, or one of its values passes."""
        return key not in self or any(matches(value) for value in self.get(key))

    def without(self, key: str) -> Filters:
        """The same but for one key."""
        return Filters({name: values for name, values in self._values.items() if name != key})

    @staticmethod
    def has(labels: Mapping[str, str] | None, wanted: str) -> bool:
        """Is `k` or `k=v` among these labels?"""
        return _has_label(labels or {}, wanted)

    def labels(self, key: str, labels: Mapping[str, str] | None) -> bool:
        """True if every `k` or `k=v` asked for is there."""
        return all(_has_label(labels or {}, wanted) for wanted in self.get(key))

    def flag(self, key: str) -> bool | None:
        """A true/false filter; None if not asked for. Raises InvalidArgument."""
        if key not in self:
            return None
        found = {_TRUTH.get(value.lower()) for value in self.get(key)}
        if len(found) != 1 or None in found:
            raise InvalidArgument(f"Invalid filter '{key}={self.get(key)}'")
        return found.pop()

    def refuse(self, keys: Iterable[str]) -> None:
        """Raises Unimplemented for a key that Docker knows and this kit does not judge by yet."""
        for key in keys:
            if key in self:
                raise Unimplemented(f"the filter '{key}' is not there yet in this kit")


_TRUTH = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


def _has_label(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)


def parse_filters(text: str, accepted: Collection[str]) -> Filters:
    """Raises InvalidArgument for what is no JSON of one of the two spellings, and for a key not accepted."""
    filters = Filters(_decode(text)) if text else Filters({})
    for key in filters._values:
        if key not in accepted:
            raise InvalidArgument(f"Invalid filter '{key}'")
    return filters


def _decode(text: str) -> dict[str, list[str]]:
    try:
        raw = msgspec.json.decode(text, type=dict[str, dict[str, bool] | list[str] | None])
    except msgspec.DecodeError as error:
        raise InvalidArgument(f"invalid filters: {error}: they look like {{\"name\":[\"web\"]}}") from None
    return {key: [v for v, on in values.items() if on] if isinstance(values, dict) else values or []
            for key, values in raw.items()}
