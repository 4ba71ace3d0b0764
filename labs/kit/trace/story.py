"""Owns what a trace has found, as values: the question, the hops, where it ended. No words, no input or output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labs.kit.trace.assemble import Passage, Translation

RESOLVER = "127.0.0.11:53"


@dataclass(frozen=True)
class Target:
    """What is asked: `scheme` is http, tcp or udp; `address` once it is known."""

    url: str
    scheme: str
    name: str
    port: int
    path: str = "/"
    address: str = ""

    @property
    def protocol(self) -> str:
        return "udp" if self.scheme == "udp" else "tcp"


@dataclass(frozen=True)
class Result:
    """What the one who asked got: `error` in the system's words, "" if all went well; times in ns since 1970."""

    stage: str
    error: str
    answer: str
    began: int
    ended: int
    connected: int = 0

    @property
    def status(self) -> str:
        """HTTP's status line without the version: `200 OK`."""
        first = self.answer.partition("\r\n")[0]
        return first.partition(" ")[2] if first.startswith("HTTP/") else ""


@dataclass(frozen=True)
class Failure:
    """Where it ended. `way`: name, request, filter, after, task or answer; `number`: which hop of that way; `code`:
    why, as far as the kernels tell; `facts` fill the sentences of that code."""

    way: str
    number: int
    host: str
    interface: str
    code: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Trace:
    """One request. `before` the translation and `after` it; `served`: the name of whoever has the last address."""

    target: Target
    source: str
    result: Result
    before: Passage
    translation: Translation | None
    after: Passage
    answer: Passage
    served: str = ""
    served_host: str = ""
    opened: int = 0
    failure: Failure | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def zero(self) -> int:
        """The time from which all others are counted: the request on its first interface."""
        return self.before.began or self.after.began or self.result.began

    @property
    def ok(self) -> bool:
        return self.failure is None


def nameless(target: Target, source: str, host: str, code: str) -> Trace:
    """A request that was never sent, as its name led nowhere."""
    nothing = Passage(None, ())
    return Trace(target, source, Result("name", target.name, "", 0, 0), nothing, None, nothing, nothing,
                 failure=Failure("name", 0, host, RESOLVER, code, {"name": target.name, "source": source}))


def to_json(trace: Trace) -> dict[str, Any]:
    """For programs; times in µs from the request's first sight, None where nothing was seen."""
    failure = trace.failure
    return {
        "url": trace.target.url, "from": trace.source, "ok": trace.ok, "error": trace.result.error,
        "status": trace.result.status, "began": trace.zero / 1e9,
        "seconds": (trace.result.ended - trace.result.began) / 1e9,
        "opened_us": trace.opened / 1e3 if trace.opened else None,
        "request": [*_hops(trace, trace.before), *_filter(trace), *_hops(trace, trace.after)],
        "task": {"name": trace.served, "host": trace.served_host} if trace.served_host else None,
        "answer": _hops(trace, trace.answer),
        "failed": failure and {"way": failure.way, "host": failure.host, "interface": failure.interface,
                               "code": failure.code, **failure.facts},
    }


def _hops(trace: Trace, passage: Passage) -> list[dict[str, Any]]:
    found = []
    for hop in passage.hops:
        step, seen = hop.step, hop.sighting
        one: dict[str, Any] = {"host": step.host, "netns": step.inode, "interface": step.interface,
                               "direction": step.direction, "state": hop.state}
        if seen is not None:
            one |= {"us": (seen.when - trace.zero) / 1e3, "from": list(seen.ends[:2]), "to": list(seen.ends[2:])}
            if seen.outer:
                one |= {"vni": seen.vni, "outer_from": list(seen.outer[:2]), "outer_to": list(seen.outer[2:])}
        found.append(one)
    return found


def _filter(trace: Trace) -> list[dict[str, Any]]:
    met = trace.translation
    if met is None:
        return []
    return [{"host": met.host, "netns": met.place, "nft": [rule.__dict__ for rule in met.met],
             "before": list(met.before), "after": list(met.after) if met.after else None,
             "choices": list(met.choices), "state": "seen" if met.after else "missing", "told": met.told}]
