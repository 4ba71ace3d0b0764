"""Owns the marks that pictures are made of, as SVG. Pure.

SVG alone: every browser shows it, and a PNG would need a library and its fonts for nothing more to see.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

REQUEST, ANSWER, FILTER, TUNNEL, BAD = "#1f5fbf", "#1a7f4b", "#b35c00", "#7a3fb0", "#c62828"
STYLE = ("text{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12px;fill:#1b1f24}"
         ".s{font-size:10.5px}.t{font-size:15px;font-weight:bold}.h{font-size:13px;font-weight:bold}.d{fill:#57606a}")


def document(width: int, height: int, title: str, marks: Iterable[str]) -> str:
    """The whole picture, on white: it is shown on dark pages, too."""
    tips = "".join(
        f'<marker id="m{colour[1:]}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for colour in (REQUEST, ANSWER, TUNNEL, BAD))
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", f"<defs>{tips}</defs>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>', *marks, "</svg>"]) + "\n"


def text(x: int, y: int, said: str, style: str = "", colour: str = "") -> str:
    """A line of text that begins there; `style`: t a title, h a heading, s small, d dim."""
    fill = f' style="fill:{colour}"' if colour else ""
    kind = f' class="{style}"' if style else ""
    return f'<text x="{x}" y="{y}"{kind}{fill}>{escape(said)}</text>'


def box(x: int, y: int, width: int, height: int, fill: str, edge: str, extra: str = "") -> list[str]:
    """A rectangle with round corners."""
    return [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}" stroke="{edge}"{extra}/>']


def arrow(begin: tuple[int, int], end: tuple[int, int], colour: str, width: float = 2) -> str:
    """A line with a tip, in one of the colours of the head of this module."""
    return (f'<line x1="{begin[0]}" y1="{begin[1]}" x2="{end[0]}" y2="{end[1]}" stroke="{colour}" '
            f'stroke-width="{width}" marker-end="url(#m{colour[1:]})"/>')
