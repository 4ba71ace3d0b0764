"""Owns how a method and a path find their handler. Knows no route by name and no answer.

A template is Docker's own spelling: `/nodes/{id}/update`; `{name...}` also takes slashes (image names have them).
Counterpart: moby/api/server/router and its gorilla/mux.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from aiohttp import web

from swarmkit_py.docker_api.call import Call

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

_PARAMETER = re.compile(r"\{(\w+)(\.\.\.)?\}")
_VERSION = re.compile(r"^/v(\d+)\.(\d+)(?=/|$)")


class Route(NamedTuple):
    """One entry of a table. `streaming` handlers are cancelled when the client goes; the others run to their end,
    so that half a change is never left behind."""

    method: str
    template: str
    handler: Handler
    streaming: bool = False


class _Compiled(NamedTuple):
    pattern: re.Pattern[str]
    route: Route


class Router:
    """Routes by first path segment; the first that fits wins, so put the particular before the general."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._tables: dict[tuple[str, str], list[_Compiled]] = {}
        for route in routes:
            key = (route.method, _segment(route.template))
            self._tables.setdefault(key, []).append(_Compiled(_compile(route.template), route))

    def match(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route and its parameters, or None. HEAD is answered as GET where it has no route of its own."""
        found = self._find(method, path)
        return self._find("GET", path) if found is None and method == "HEAD" else found

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for compiled in self._tables.get((method, _segment(path)), ()):
            match = compiled.pattern.fullmatch(path)
            if match is not None:
                return compiled.route, match.groupdict()
        return None


def split_version(path: str) -> tuple[tuple[int, int] | None, str]:
    """`/v1.41/nodes` → ((1, 41), "/nodes"); without a version prefix (None, path)."""
    match = _VERSION.match(path)
    if match is None:
        return None, path
    return (int(match[1]), int(match[2])), path[match.end():] or "/"


def _segment(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else path


def _compile(template: str) -> re.Pattern[str]:
    parts, end = [], 0
    for match in _PARAMETER.finditer(template):
        parts.append(re.escape(template[end:match.start()]))
        parts.append(f"(?P<{match[1]}>{'.+' if match[2] else '[^/]+'})")
        end = match.end()
    return re.compile("".join(parts) + re.escape(template[end:]), re.DOTALL)
