"""Owns one request as a handler sees it: parameters, query, body, and the node behind. Knows no route.

Docker's rules of reading are here, once: what is true in a query, `null` is absent, any content type is JSON.
Counterpart: moby/api/server/httputils.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from swarmkit_py.docker_api.answers import HEADERS
from swarmkit_py.docker_api.backend import ControlApi, NodeBackend
from swarmkit_py.docker_api.events import EventHub
from swarmkit_py.docker_api.spelling import canonical
from swarmkit_py.errors import InvalidArgument

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a JSON body; a service with every option is a few thousand."""

_FALSE = {"", "0", "no", "false", "none"}

T = TypeVar("T")


class Api:
    """What all calls share: the node behind, and the events so far."""

    def __init__(self, backend: NodeBackend) -> None:
        self.backend = backend
        self.events = EventHub(backend)
        self.started = backend.clock.now()
        self.detach_keys: dict[str, str] = {}
        """By exec id, between its create and its start."""

    def control(self) -> ControlApi:
        """The manager's verbs. Raises Unavailable on a node that is none, NotLeader where the leader is another."""
        control = self.backend.control()
        self.events.follow_manager()
        return control

    def view(self) -> ControlApi:
        """What any manager knows, for answers that are of this machine as well. Raises Unavailable."""
        view = self.backend.control_view()
        self.events.follow_manager()
        return view


class Call:
    """One request. Handlers take this and nothing else."""

    def __init__(self, api: Api, request: web.BaseRequest, params: dict[str, str]) -> None:
        self.api = api
        self.request = request
        self.params = params
        self._body: bytes | None = None
        self.answer: web.StreamResponse | None = None
        """A stream whose headers went out: from then on no error can be answered."""

    @property
    def backend(self) -> NodeBackend:
        return self.api.backend

    def control(self) -> ControlApi:
        """The manager's verbs. Raises Unavailable on a node that is none; NotLeader is the dispatcher's to catch,
        which then lets the leader answer the whole request."""
        return self.api.control()

    def view(self) -> ControlApi:
        """What any manager knows, for answers that are of this machine as well. Raises Unavailable."""
        return self.api.view()

    def query(self, name: str, default: str = "") -> str:
        return self.request.query.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean of the query, by Docker's rule: empty, 0, no, false, none are false, all else is true."""
        if name not in self.request.query:
            return default
        return self.request.query[name].strip().lower() not in _FALSE

    def number(self, name: str, default: int = 0) -> int:
        """An integer of the query. Raises InvalidArgument."""
        text = self.query(name)
        try:
            return int(text) if text else default
        except ValueError:
            raise InvalidArgument(f"query parameter {name}={text!r} is not a whole number") from None

    def version(self, noun: str) -> int:
        """The `version` that every update must quote. Raises InvalidArgument with Docker's text."""
        text = self.query("version")
        if text.isascii() and text.isdigit() and len(text) <= 20:
            return int(text)
        reason = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise InvalidArgument(f"invalid {noun} version '{text}': {reason}")

    async def begin(self, answer: web.StreamResponse) -> web.StreamResponse:
        """Send the headers of a stream now; the caller writes the rest."""
        self.answer = answer
        await answer.prepare(self.request)
        return answer

    async def begin_stream(self, content_type: str = "") -> web.StreamResponse:
        """A chunked 200 whose headers are sent now."""
        answer = web.StreamResponse(headers=HEADERS)
        if content_type:
            answer.content_type = content_type
        return await self.begin(answer)

    async def read(self) -> bytes:
        """The body, however often it is asked for. Raises InvalidArgument if it is larger than BODY_LIMIT."""
        if self._body is not None:
            return self._body
        chunks, size = [], 0
        async for chunk in self.request.content.iter_any():
            size += len(chunk)
            if size > BODY_LIMIT:
                raise InvalidArgument(f"request body too large: at most {BODY_LIMIT} bytes are read")
            chunks.append(chunk)
        self._body = b"".join(chunks)
        return self._body

    async def json(self) -> dict[str, Any]:
        """The body as an object without its nulls; an empty body is {}. Raises InvalidArgument."""
        data = await self.read()
        if not data.strip():
            return {}
        try:
            value = without_nulls(msgspec.json.decode(data))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidArgument(f"the request body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise InvalidArgument(f"the request body must be a JSON object, not {type(value).__name__}")
        return value

    async def decode(self, kind: type[T]) -> T:
        """The body as a model value; unknown fields are ignored. Raises InvalidArgument naming the field."""
        return convert_body(await self.json(), kind)


def convert_body(value: dict[str, Any], kind: type[T]) -> T:
    """A decoded body as a model value. Raises InvalidArgument naming the field that does not fit."""
    try:
        return msgspec.convert(canonical(value, kind), kind)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"the request body does not fit: {error}") from None


def without_nulls(value: Any) -> Any:
    """JSON with every `null` member dropped: Go's clients send null for what was not said. Raises InvalidArgument for
    a whole number that Go's int64 cannot hold: what comes after counts on that."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InvalidArgument(f"the request body holds a number that is too large: {str(value)[:40]}")
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value if item is not None]
    return value


async def settle() -> None:
    """Let tasks that were just made take their first step (a waiter must listen before its caller goes on)."""
    await asyncio.sleep(0)
