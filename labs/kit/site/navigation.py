"""Owns the order of the site's pages: what `folder/*` in mkdocs.yml stands for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


def named(nav: Any) -> Iterator[str]:
    """Every page (or `folder/*`) that a navigation names, at any depth."""
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for inside in nav.values():
            yield from named(inside)
    else:
        for item in nav:
            yield from named(item)


def expand(nav: list[Any], pages: Sequence[str]) -> list[Any]:
    """The navigation with each `folder/*` replaced by the pages of that folder that it does not name elsewhere."""
    elsewhere = set(named(nav))

    def inside(item: Any) -> list[Any]:
        if isinstance(item, str) and item.endswith("/*"):
            folder = item[:-1]
            return [page for page in sorted(pages) if page.startswith(folder) and page not in elsewhere
                    and "/" not in page[len(folder):]]
        if isinstance(item, dict):
            return [{title: [new for old in below for new in inside(old)] if isinstance(below, list) else below}
                    for title, below in item.items()]
        return [item]

    return [new for item in nav for new in inside(item)]
