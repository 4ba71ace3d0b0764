"""Owns writing a cluster's events down while a lab runs: a thread an engine, from start to end of the session.

A changed service or node is asked for at once, so that the record holds what it was changed to; what the event itself
says of the change stays beside it, as `Attributes`; beside a new node, the tokens that were good when it came; beside
a started container, its first process.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from labs.kit.engine_client import Engine, EngineError
from labs.kit.events import EVENTS_FILE, PID, Event, write
from labs.kit.grading.tokens import TOKENS

RETRY_SECONDS = 0.5
_ASKED = {"service": "/services/", "node": "/nodes/"}


class Recorder:
    """Records until `close`. Events of the swarm are taken from the hosts that tell them: the managers."""

    def __init__(self, engines: Mapping[str, Engine], run_dir: Path) -> None:
        self._path = run_dir / EVENTS_FILE
        self._closed = threading.Event()
        self._sockets: dict[str, socket.socket] = {}
        self._offset = time.time() - time.monotonic()
        for host, engine in engines.items():
            threading.Thread(target=self._follow, args=(host, engine), name=f"record {host}", daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        for sock in list(self._sockets.values()):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is gone already

    def _follow(self, host: str, engine: Engine) -> None:
        while not self._closed.is_set():
            try:
                for raw in engine.events(lambda sock: self._sockets.__setitem__(host, sock)):
                    self._record(host, engine, raw)
            except (OSError, EngineError, ValueError, http.client.HTTPException):
                pass  # the host is off, or its daemon starts again: ask again in a moment
            self._closed.wait(RETRY_SECONDS)

    def _record(self, host: str, engine: Engine, raw: dict[str, Any]) -> None:
        event = read_event(host, raw, self._offset)
        found = [event]
        if event.kind in _ASKED and event.action in ("create", "update"):
            found = [self._with_object(engine, event)]
        if (event.kind, event.action) == ("container", "start"):
            found = [_with_pid(engine, event)]
        if self._path.parent.is_dir():
            write(self._path, found)

    def _with_object(self, engine: Engine, event: Event) -> Event:
        try:
            found = engine.get(_ASKED[event.kind] + event.id)
            if (event.kind, event.action) == ("node", "create"):
                found[TOKENS] = engine.get("/swarm")["JoinTokens"]
        except (OSError, EngineError):
            return event  # removed at once
        return Event(event.t, event.host, event.kind, event.action, event.name, event.id,
                     {**found, "Attributes": event.data})


def _with_pid(engine: Engine, event: Event) -> Event:
    try:
        pid = engine.get(f"/containers/{event.id}/json")["State"]["Pid"]
    except (OSError, EngineError, KeyError):
        return event  # it is gone already
    return replace(event, data={**event.data, PID: pid}) if pid else event


def read_event(host: str, raw: Mapping[str, Any], offset: float = 0.0) -> Event:
    """One of the engine's events. `offset`: wall clock less monotonic clock, seconds."""
    actor = raw.get("Actor") or {}
    attributes = dict(actor.get("Attributes") or {})
    nanoseconds = raw.get("timeNano") or int(raw.get("time") or 0) * 1_000_000_000
    return Event(nanoseconds / 1e9 - offset, host, str(raw.get("Type", "")), str(raw.get("Action", "")),
                 str(attributes.get("name", "")), str(actor.get("ID", "")), attributes)
