"""Owns a trace as a picture: SVG, a column a host, down the page as time goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labs.kit.marks import ANSWER, BAD, FILTER, REQUEST, TUNNEL, arrow, box, document, text
from labs.kit.trace.assemble import ASKED, SEEN, Hop, Passage, Translation
from labs.kit.trace.story import Trace
from labs.kit.trace.text import duration, ends, error_of, status_of, where
from labs.kit.words import Words

COLUMN, GAP, BOX, ROW, TOP, EDGE = 268, 92, 38, 54, 112, 24
RULE, SMALL, LONGEST = 16, 11, 40
FILLS = {"host": "#eef3fb", "task": "#e7f6ec", "filter": "#fff4e5", "bad": "#fdecec"}


@dataclass
class _Box:
    """Something on the picture: in which column, how far down, how high."""

    column: int
    y: int
    height: int = BOX


@dataclass
class _Page:
    """The marks so far, and where the next goes."""

    columns: list[str]
    words: Words
    y: int = TOP
    last: _Box | None = None
    marks: list[str] = field(default_factory=list)

    def left(self, column: int) -> int:
        return EDGE + column * (COLUMN + GAP)

    @property
    def width(self) -> int:
        return 2 * EDGE + len(self.columns) * (COLUMN + GAP) - GAP


def svg(trace: Trace, words: Words) -> str:
    """The picture as one SVG document."""
    page = _Page(_columns(trace), words)
    failure = trace.failure
    _passage(page, trace, trace.before, "request", REQUEST)
    if trace.translation and (failure is None or failure.way != "request"):
        _filter(page, trace.translation, failed=failure is not None and failure.way == "filter")
        if failure is None or failure.way != "filter":
            _passage(page, trace, trace.after, "after", REQUEST)
    if trace.ok or failure and failure.way == "answer":
        _passage(page, trace, trace.answer, "answer", ANSWER)
    foot = list(_foot(page, trace, words))
    height = page.y + 10
    title = _title(trace, words)
    head = [text(EDGE, 30, title, "t"), text(EDGE, 52, _outcome(trace, words), "d"),
            *_hosts(page, height - 24 * (1 if failure is None else 5))]
    return document(page.width, height, title, [*head, *page.marks, *foot])


def _columns(trace: Trace) -> list[str]:
    """The hosts, in the order in which the request meets them."""
    met = [hop.step.host for hop in (*trace.before.hops, *trace.after.hops, *trace.answer.hops)]
    if trace.translation:
        met.insert(len(trace.before.hops), trace.translation.host)
    if not met and trace.failure:
        met = [trace.failure.host]
    return list(dict.fromkeys(met))


def _title(trace: Trace, words: Words) -> str:
    verb = "GET " if trace.target.scheme == "http" else ""
    return words("trace.title", what=f"{verb}{trace.target.url}", source=trace.source)


def _outcome(trace: Trace, words: Words) -> str:
    time = duration(trace.result.ended - trace.result.began)
    if trace.ok:
        return words("trace.ok", status=status_of(trace, words), who=trace.served or trace.served_host,
                     host=trace.served_host, time=time)
    return words("trace.failed", error=error_of(trace, words))


def _hosts(page: _Page, bottom: int) -> Iterator[str]:
    for number, host in enumerate(page.columns):
        left = page.left(number) - 12
        yield from box(left, TOP - 42, COLUMN + 24, bottom - TOP + 42, "#fafbfc", "#d0d7de")
        yield text(left + 12, TOP - 20, host, "h")


def _passage(page: _Page, trace: Trace, passage: Passage, way: str, colour: str) -> None:
    failure = trace.failure
    broken = failure.number if failure and failure.way == way else None
    for number, hop in enumerate(passage.hops):
        if number == broken:
            _place(page, trace, hop, BAD, failed=True)
            return
        if hop.state == SEEN or broken is not None or trace.ok:
            _place(page, trace, hop, colour)


def _place(page: _Page, trace: Trace, hop: Hop, colour: str, *, failed: bool = False) -> None:
    """A box for the hop, and the arrow that leads to it."""
    column = page.columns.index(hop.step.host)
    beside = page.last is not None and page.last.column != column
    if page.last is not None and not beside:
        page.y += ROW
    here = _Box(column, page.y)
    page.marks += _arrow(page, here, hop, colour)
    page.marks += _box(page, trace, here, hop, colour, failed)
    page.last = here


def _arrow(page: _Page, here: _Box, hop: Hop, colour: str) -> list[str]:
    last = page.last
    if last is None:
        return []
    if last.column == here.column:
        x = page.left(here.column) + COLUMN // 2
        return [arrow((x, last.y + last.height), (x, here.y - 1), colour)]
    rightwards = here.column > last.column
    begin = page.left(last.column) + (COLUMN if rightwards else 0)
    end = page.left(here.column) + (-1 if rightwards else COLUMN + 1)
    y = here.y + BOX // 2
    seen = hop.sighting
    if seen is None or not seen.outer:
        return [arrow((begin, y), (end, y), colour)]
    x = min(begin, end) + 6
    return [arrow((begin, y), (end, y), TUNNEL, 2.5), text(x, y - 8, f"VXLAN {seen.vni}", "s", TUNNEL)]


def _box(page: _Page, trace: Trace, here: _Box, hop: Hop, colour: str, failed: bool) -> Iterator[str]:
    x, y, step, seen = page.left(here.column), here.y, hop.step, hop.sighting
    inside = step.inode in _task_places(trace)
    fill = FILLS["bad" if failed else "task" if inside else "host"]
    yield from box(x, y, COLUMN, BOX, fill, colour, ' stroke-dasharray="5 3"' if failed else "")
    name = f"{step.interface} ({trace.served})" if inside and trace.served else step.interface
    yield text(x + 8, y + 15, f"✗ {name}" if failed else name)
    if seen is not None:
        time = f"+{duration(seen.when - trace.zero)}"
        yield text(x + COLUMN - 8 - 7 * len(time) - 4, y + 15, time, "d")
        yield text(x + 8, y + 31, ends(seen.outer or seen.ends), "s", TUNNEL if seen.outer else "")
    elif hop.state == ASKED:
        yield text(x + 8, y + 31, page.words("trace.state.short", address=step.target), "s")


def _task_places(trace: Trace) -> set[int]:
    """The namespace in which the request's way ends."""
    hops = trace.after.hops or trace.before.hops
    return {hops[-1].step.inode} if hops and trace.translation and trace.after.hops else set()


def _filter(page: _Page, met: Translation, *, failed: bool) -> None:
    """The packet filter: the rules that were met, and the change of addresses."""
    rows = [part for rule in met.met for part in _cut(f"{rule.chain}: {rule.element or rule.text}")]
    if met.after:
        rows += [ends(met.before), f"=> {ends(met.after)}"]
    column = page.columns.index(met.host)
    page.y += ROW if page.last is not None else 0
    here = _Box(column, page.y, 24 + RULE * len(rows))
    colour = BAD if failed else FILTER
    if page.last is not None and page.last.column == column:
        x = page.left(column) + COLUMN // 2
        page.marks.append(arrow((x, page.last.y + page.last.height), (x, here.y - 1), BAD if failed else REQUEST))
    x = page.left(column)
    page.marks += box(x, here.y, COLUMN, here.height, FILLS["bad" if failed else "filter"], colour)
    page.marks.append(text(x + 8, here.y + 15, "✗ nft" if failed else "nft", "", colour))
    page.marks += [text(x + 8, here.y + 31 + RULE * number, row, "s") for number, row in enumerate(rows)]
    page.y += here.height - BOX
    page.last = here


def _cut(text: str) -> Sequence[str]:
    """In pieces that fit a box."""
    pieces, current = [], ""
    for word in text.split():
        if current and len(current) + 1 + len(word) > LONGEST:
            pieces.append(current)
            current = f"\u00a0\u00a0{word}"
        else:
            current = f"{current} {word}" if current else word
    return [*pieces, current]


def _foot(page: _Page, trace: Trace, words: Words) -> Iterator[str]:
    """What the picture ends with: why it ends, where it does."""
    page.y += (page.last.height if page.last and page.last.height == BOX else BOX) + 34
    failure = trace.failure
    if failure is None:
        return
    facts = {"host": failure.host, "interface": failure.interface, **failure.facts}
    said = [words("trace.here", where=where(failure, words))]
    said += [f"{words(f'trace.part.{part}')} {words.fill(f'trace.why.{failure.code}.{part}', facts)}"
             for part in ("is", "should", "do")]
    for line in said:
        yield text(EDGE, page.y, line, "", BAD if line is said[0] else "")
        page.y += 22
