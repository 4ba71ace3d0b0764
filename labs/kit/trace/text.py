"""Owns a trace as text: one row a hop, in a width, with colour or without. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from labs.kit.style import Line, Span, line, wrapped
from labs.kit.trace.assemble import ASKED, SEEN, Hop, Passage, Translation
from labs.kit.trace.packets import Ends
from labs.kit.trace.story import Failure, Trace
from labs.kit.words import Words

WIDE = 76
TIME, INTERFACE, DIRECTION = 9, 15, 5


def lines(trace: Trace, words: Words, width: int, plain: bool = False) -> list[Line]:
    """The whole story."""
    return [*wrapped(_title(trace, words), width, "title"), *_outcome(trace, words, width, plain), [],
            *_Rows(trace, words, width, plain).all(), *_failure(trace, words, width)]


def _title(trace: Trace, words: Words) -> str:
    verb = {"http": "GET ", "udp": "", "tcp": ""}[trace.target.scheme]
    address = trace.target.address
    url = trace.target.url if address in ("", trace.target.name) else f"{trace.target.url} ({address})"
    return words("trace.title", what=f"{verb}{url}", source=trace.source)


def duration(nanoseconds: float, plain: bool = False) -> str:
    """`12 µs`, `1.63 ms`, `3.00 s`."""
    us = nanoseconds / 1000
    if us < 1000:
        return f"{us:.0f} {'us' if plain else 'µs'}"
    return f"{us / 1000:.2f} ms" if us < 1_000_000 else f"{us / 1e6:.2f} s"


def _outcome(trace: Trace, words: Words, width: int, plain: bool) -> list[Line]:
    result = trace.result
    sign = "" if plain else "✓ " if trace.ok else "✗ "
    time = duration(result.ended - result.began, plain)
    if not trace.ok:
        return wrapped(words("trace.failed", error=error_of(trace, words, plain)), width, "bad", sign)
    status = status_of(trace, words)
    who = trace.served or trace.served_host
    said = words("trace.ok", status=status, who=who, host=trace.served_host, time=time)
    opened = " " + words("trace.opened", time=duration(trace.opened, plain)) if trace.opened else ""
    return wrapped(said + opened, width, "good", sign)


def status_of(trace: Trace, words: Words) -> str:
    """What the answer was: HTTP's status, or that there was one."""
    return trace.result.status or words("trace.connected" if trace.target.scheme == "tcp" else "trace.answered")


def error_of(trace: Trace, words: Words, plain: bool = False) -> str:
    """What came instead of an answer."""
    result = trace.result
    if result.stage == "name":
        return words("trace.unnamed", name=result.error)
    time = duration(result.ended - result.began, plain)
    return words("trace.timeout", time=time) if result.error == "timeout" else result.error


class _Rows:
    """The hops. An address is told where it changes, in a wide text on each row."""

    def __init__(self, trace: Trace, words: Words, width: int, plain: bool) -> None:
        self.trace, self.words, self.width, self.plain = trace, words, width, plain
        everybody = [*trace.before.hops, *trace.after.hops]
        self.host = max((len(hop.step.host) for hop in everybody), default=6)
        self.last: tuple[Ends, Ends | None] | None = None

    def all(self) -> Iterator[Line]:
        trace, failure = self.trace, self.trace.failure
        if failure is not None and failure.way == "name":
            return
        yield [Span(self.words("trace.request"), "title")]
        yield from self.passage(trace.before, "request")
        if failure is None or failure.way != "request":
            yield from self.filter(trace.translation)
            if failure is None or failure.way != "filter":
                yield from self.passage(trace.after, "after")
        if trace.ok or any(hop.sighting for hop in trace.answer.hops):
            yield []
            yield [Span(self.words("trace.answer"), "title")]
            yield from self.passage(trace.answer, "answer")

    def passage(self, passage: Passage, way: str) -> Iterator[Line]:
        failure = self.trace.failure
        broken = failure.number if failure and failure.way == way else None
        for number, hop in enumerate(passage.hops):
            if number == broken and hop.state != ASKED:
                yield from self.row(hop, "failed")
                return
            if hop.state == SEEN or broken is not None or self.trace.ok:
                yield from self.row(hop, hop.state)
        if passage.sent > 1:
            yield from wrapped(self.words("trace.again", count=passage.sent), self.width, "wait", "    ")

    def row(self, hop: Hop, state: str) -> Iterator[Line]:
        """One hop: when, where, which way, between whom."""
        step, seen = hop.step, hop.sighting
        time = f"+{duration(seen.when - self.trace.zero, self.plain)}" if seen else ""
        if state == "failed":
            time = self.words("trace.fail") if self.plain else "✗"
        style = "bad" if state == "failed" else "wait" if state != SEEN else ""
        direction = self.words(f"trace.{step.direction}")
        head = (f"{time:>{TIME}}  {step.host:<{self.host}}  {direction:<{DIRECTION}} "
                f"{step.interface:<{INTERFACE}}")
        if seen is None:
            key = "trace.state.failed" if state == "failed" else f"trace.state.{hop.state}"
            yield from self._fitted(head, self.words(key, address=step.target), style)
            return
        changed = self.last != (seen.ends, seen.outer)
        self.last = (seen.ends, seen.outer)
        if self.width >= WIDE or changed:
            yield from self._fitted(head, ends(seen.ends), style)
        else:
            yield line(Span(head.rstrip(), style))
        if seen.outer:
            yield line(Span(f"{'':{TIME + 2}}VXLAN {seen.vni}: {ends(seen.outer)}", "info"))

    def _fitted(self, head: str, tail: str, style: str) -> Iterator[Line]:
        if len(head) + 1 + len(tail) <= self.width:
            yield line(Span(f"{head} {tail}", style))
        else:
            yield line(Span(head.rstrip(), style))
            yield from wrapped(tail, self.width, style, " " * (TIME + 2))

    def filter(self, met: Translation | None) -> Iterator[Line]:
        """What the entry node's packet filter did, rule by rule."""
        if met is None:
            return
        failed = self.trace.failure is not None and self.trace.failure.way == "filter"
        sign = ("" if not failed else self.words("trace.fail") if self.plain else "✗")
        when = f"nft, {self.words('trace.opening')}" if met.met else "nft"
        yield line(Span(f"{sign:>{TIME}}  {met.host:<{self.host}}  {when}", "bad" if failed else ""))
        indent = " " * (TIME + 2)
        for rule in met.met:
            said = f"{rule.chain}: {rule.element or rule.text}"
            yield from wrapped(said, self.width, "info", indent, indent + "  ")
        if not met.told:
            yield from wrapped(self.words("trace.untold"), self.width, "dim", indent)
        elif not met.met:
            yield from wrapped(self.words("trace.no_rule"), self.width, "dim", indent)
        if met.after:
            before, after = ends(met.before), ends(met.after)
            both = f"{before}  =>  {after}"
            if len(indent) + len(both) <= self.width:
                yield line(Span(indent + both, "good"))
            else:
                yield line(Span(indent + before, "good"))
                yield line(Span(f"{indent}=> {after}", "good"))


def ends(found: Ends | tuple[object, ...]) -> str:
    """`10.7.0.100:55817 > 10.7.0.3:80`; without ports where there are none."""
    source, sport, to, dport = found
    return f"{source}:{sport} > {to}:{dport}" if sport or dport else f"{source} > {to} ICMP"


def _failure(trace: Trace, words: Words, width: int) -> Iterator[Line]:
    failure = trace.failure
    if failure is None:
        return
    yield []
    yield from wrapped(words("trace.here", where=where(failure, words)), width, "bad")
    for part, style in (("is", ""), ("should", ""), ("do", "command")):
        key = f"trace.why.{failure.code}.{part}"
        if key not in words:
            continue
        facts = {"host": failure.host, "interface": failure.interface, **failure.facts}
        yield from wrapped(words.fill(key, facts), width, style, f"{words(f'trace.part.{part}')} ", "  ")


def where(failure: Failure, words: Words) -> str:
    """The hop's name: `worker2, vx-4096`."""
    hop = {"filter": "nft", "task": words("trace.the_task")}.get(failure.way, failure.interface)
    return f"{failure.host}, {hop}" if hop else failure.host
