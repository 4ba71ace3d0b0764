"""Owns reading a packet filter: to which addresses does it send what arrives for a port? Pure, over `nft -j` JSON.

It follows the rules as a packet would, roughly: from those that speak of the port, through jumps and maps, to the
`dnat` statements. How the engine arranges its rules is not assumed, so an engine of another make can be judged too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+")


class _Ruleset:
    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.chains: dict[tuple[str, str], list[list[dict[str, Any]]]] = {}
        self.maps: dict[tuple[str, str], list[Any]] = {}
        for item in answer.get("nftables", []):
            if rule := item.get("rule"):
                self.chains.setdefault((rule["table"], rule["chain"]), []).append(rule.get("expr", []))
            elif (found := item.get("map") or item.get("set")) is not None:
                self.maps[found["table"], found["name"]] = found.get("elem", [])

    def elements(self, table: str, data: Any) -> list[Any]:
        """A map's or set's elements, inline or by name."""
        if isinstance(data, str):
            return self.maps.get((table, data.lstrip("@")), [])
        return list(data.get("set", [])) if isinstance(data, Mapping) else []


def backends(answer: Mapping[str, Any], port: int) -> set[str]:
    """Every address a connection to `port` may be sent to. Empty if nothing is said of the port."""
    rules = _Ruleset(answer)
    found: set[str] = set()
    for (table, _), chain in rules.chains.items():
        for expressions in chain:
            if _speaks_of(rules, table, expressions, port):
                found |= _targets(rules, table, expressions, port, set())
    return found


def _speaks_of(rules: _Ruleset, table: str, expressions: list[dict[str, Any]], port: int) -> bool:
    for expression in expressions:
        match = expression.get("match")
        if match and _speaks(match) and port in _numbers(rules, table, match["right"]):
            return True
        for mapping in _mappings(expression):
            if _mentions_dport(mapping["key"]):
                return any(port in _flat(_key(item)) for item in rules.elements(table, mapping["data"]))
    return False


def _speaks(match: Mapping[str, Any]) -> bool:
    return match.get("op") != "!=" and _mentions_dport(match["left"])


def _numbers(rules: _Ruleset, table: str, right: Any) -> set[Any]:
    if isinstance(right, str) and right.startswith("@"):
        return {number for item in rules.elements(table, right) for number in _flat(_key(item))}
    return set(_flat(right))


def _targets(
    rules: _Ruleset, table: str, expressions: list[dict[str, Any]], port: int, visited: set[str],
) -> set[str]:
    found: set[str] = set()
    for expression in expressions:
        for verdict in ("jump", "goto"):
            if verdict in expression:
                found |= _chain(rules, table, expression[verdict]["target"], port, visited)
        if "dnat" in expression:
            found |= _addresses(rules, table, expression["dnat"].get("addr"), port)
        if "vmap" in expression:
            for _, value in _pairs(rules, table, expression["vmap"], port):
                target = (value.get("jump") or value.get("goto") or {}).get("target") if value else None
                if target:
                    found |= _chain(rules, table, target, port, visited)
    return found


def _chain(rules: _Ruleset, table: str, name: str, port: int, visited: set[str]) -> set[str]:
    if name in visited:
        return set()
    visited.add(name)
    found: set[str] = set()
    for expressions in rules.chains.get((table, name), []):
        found |= _targets(rules, table, expressions, port, visited)
    return found


def _addresses(rules: _Ruleset, table: str, address: Any, port: int) -> set[str]:
    if isinstance(address, str):
        return {address} if IPV4.fullmatch(address) else set()
    if isinstance(address, Mapping) and "map" in address:
        return {text for _, value in _pairs(rules, table, address["map"], port)
                for text in _flat(value) if isinstance(text, str) and IPV4.fullmatch(text)}
    return set()


def _pairs(rules: _Ruleset, table: str, mapping: Mapping[str, Any], port: int) -> Iterator[tuple[Any, Any]]:
    """(key, value) of the elements that a packet for the port can meet."""
    about_port = _mentions_dport(mapping["key"])
    for item in rules.elements(table, mapping["data"]):
        if isinstance(item, list) and len(item) == 2 and (not about_port or port in _flat(item[0])):
            yield item[0], item[1]


def _mappings(expression: Any) -> Iterator[Mapping[str, Any]]:
    """Every `map` and `vmap` inside an expression."""
    if isinstance(expression, Mapping):
        for key, value in expression.items():
            if key in ("map", "vmap") and isinstance(value, Mapping) and "key" in value:
                yield value
            yield from _mappings(value)
    elif isinstance(expression, list):
        for item in expression:
            yield from _mappings(item)


def _mentions_dport(expression: Any) -> bool:
    if isinstance(expression, Mapping):
        payload = expression.get("payload")
        if isinstance(payload, Mapping) and payload.get("field") == "dport":
            return True
        return any(_mentions_dport(value) for value in expression.values())
    return isinstance(expression, list) and any(_mentions_dport(item) for item in expression)


def _key(item: Any) -> Any:
    return item[0] if isinstance(item, list) and len(item) == 2 else item


def _flat(value: Any) -> Iterator[Any]:
    """The leaves of a key or value: concatenations, ranges and element wrappers opened."""
    if isinstance(value, Mapping):
        if "range" in value and all(isinstance(edge, int) for edge in value["range"]):
            yield from range(value["range"][0], value["range"][1] + 1)
        else:
            for inner in value.values():
                yield from _flat(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value
