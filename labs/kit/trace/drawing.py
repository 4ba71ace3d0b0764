"""Owns a trace as a picture: SVG, a column a host, down the page as time goes. Pure.

SVG alone: every browser shows it, and a PNG would need a library and its fonts for nothing more to see.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from labs.kit.trace.assemble import SEEN, Hop, Passage, Translation
from labs.kit.trace.story import Trace
from labs.kit.trace.text import duration, ends, error_of, where
from labs.kit.words import Words

COLUMN, GAP, BOX, ROW, TOP, EDGE = 268, 92, 38, 54, 112, 24
RULE, SMALL, LONGEST = 16, 11, 40
REQUEST, ANSWER, FILTER, TUNNEL, BAD = "#1f5fbf", "#1a7f4b", "#b35c00", "#7a3fb0", "#c62828"
FILLS = {"host": "#eef3fb", "task": "#e7f6ec", "filter": "#fff4e5", "bad": "#fdecec"}
STYLE = ("text{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px;fill:#1b1f24}"
         ".s{font-size:10.5px}.t{font-size:15px;font-weight:bold}.h{font-size:13px;font-weight:bold}.d{fill:#57606a}")


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
    page = _Page(_columns(trace))
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
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{page.width}" height="{height}" '
        f'viewBox="0 0 {page.width} {height}" role="img">',
        f"<title>{escape(_title(trace, words))}</title>", f"<style>{STYLE}</style>", _markers(),
        f'<rect width="{page.width}" height="{height}" fill="#ffffff"/>',
        _text(EDGE, 30, _title(trace, words), "t"), _text(EDGE, 52, _outcome(trace, words), "d"),
        *_hosts(page, trace, height - 24 * (1 if failure is None else 5)),
    ]
    return "\n".join([*head, *page.marks, *foot, "</svg>"]) + "\n"


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
        status = trace.result.status or words("trace.answered")
        return words("trace.ok", status=status, who=trace.served or trace.served_host, host=trace.served_host,
                     time=time)
    return words("trace.failed", error=error_of(trace, words))


def _markers() -> str:
    tips = "".join(
        f'<marker id="m{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for colour in (REQUEST, ANSWER, TUNNEL, BAD))
    return f"<defs>{tips}</defs>"


def _hosts(page: _Page, trace: Trace, bottom: int) -> Iterator[str]:
    for number, host in enumerate(page.columns):
        left = page.left(number) - 12
        yield (f'<rect x="{left}" y="{TOP - 42}" width="{COLUMN + 24}" height="{bottom - TOP + 42}" rx="8" '
               f'fill="#fafbfc" stroke="#d0d7de"/>')
        yield _text(left + 12, TOP - 20, host, "h")


def _text(x: int, y: int, text: str, style: str = "", colour: str = "") -> str:
    fill = f' style="fill:{colour}"' if colour else ""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{kind}{fill}>{escape(text)}</text>'


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
    box = _Box(column, page.y)
    page.marks += _arrow(page, box, hop, colour)
    page.marks += _box(page, trace, box, hop, colour, failed)
    page.last = box


def _arrow(page: _Page, box: _Box, hop: Hop, colour: str) -> list[str]:
    last = page.last
    if last is None:
        return []
    if last.column == box.column:
        x = page.left(box.column) + COLUMN // 2
        return [_line((x, last.y + last.height), (x, box.y - 1), colour)]
    rightwards = box.column > last.column
    begin = page.left(last.column) + (COLUMN if rightwards else 0)
    end = page.left(box.column) + (-1 if rightwards else COLUMN + 1)
    y = box.y + BOX // 2
    seen = hop.sighting
    if seen is None or not seen.outer:
        return [_line((begin, y), (end, y), colour)]
    x = min(begin, end) + 6
    lines = [_line((begin, y), (end, y), TUNNEL, 4)]
    return [*lines, _text(x, y - 8, f"VXLAN {seen.vni}", "s", TUNNEL)]


def _line(begin: tuple[int, int], end: tuple[int, int], colour: str, width: int = 2) -> str:
    tip = "" if width > 2 and abs(end[0] - begin[0]) < 12 else f' marker-end="url(#m{colour[1:]})"'
    return (f'<line x1="{begin[0]}" y1="{begin[1]}" x2="{end[0]}" y2="{end[1]}" stroke="{colour}" '
            f'stroke-width="{width if width == 2 else 2.5}"{tip}/>')


def _box(page: _Page, trace: Trace, box: _Box, hop: Hop, colour: str, failed: bool) -> Iterator[str]:
    x, step, seen = page.left(box.column), hop.step, hop.sighting
    inside = step.inode in _task_places(trace)
    fill = FILLS["bad" if failed else "task" if inside else "host"]
    dash = ' stroke-dasharray="5 3"' if failed else ""
    yield (f'<rect x="{x}" y="{box.y}" width="{COLUMN}" height="{BOX}" rx="5" fill="{fill}" stroke="{colour}"'
           f'{dash}/>')
    name = f"{step.interface} ({trace.served})" if inside and trace.served else step.interface
    yield _text(x + 8, box.y + 15, f"✗ {name}" if failed else name)
    if seen is not None:
        time = f"+{duration(seen.when - trace.zero)}"
        yield _text(x + COLUMN - 8 - 7 * len(time) - 4, box.y + 15, time, "d")
        yield _text(x + 8, box.y + 31, ends(seen.outer or seen.ends), "s", TUNNEL if seen.outer else "")


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
    box = _Box(column, page.y, 24 + RULE * len(rows))
    colour = BAD if failed else FILTER
    if page.last is not None and page.last.column == column:
        x = page.left(column) + COLUMN // 2
        page.marks.append(_line((x, page.last.y + page.last.height), (x, box.y - 1), BAD if failed else REQUEST))
    x = page.left(column)
    page.marks.append(f'<rect x="{x}" y="{box.y}" width="{COLUMN}" height="{box.height}" rx="5" '
                      f'fill="{FILLS["bad" if failed else "filter"]}" stroke="{colour}"/>')
    page.marks.append(_text(x + 8, box.y + 15, "✗ nft" if failed else "nft", "", colour))
    page.marks += [_text(x + 8, box.y + 31 + RULE * number, row, "s") for number, row in enumerate(rows)]
    page.y += box.height - BOX
    page.last = box


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
    for text in said:
        yield _text(EDGE, page.y, text, "", BAD if text is said[0] else "")
        page.y += 22
