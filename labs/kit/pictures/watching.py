"""Owns watching tasks: the states a manager's API tells, look after look, with the times the tasks' nodes gave them.

A look is one request; a state that is over before the next look is not seen. Pure but for `watching`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Story:
    """One task. `states`: (seconds since 1970, state), each once, in their order; `message`: its last error."""

    task: str
    name: str
    image: str
    node: str = ""
    message: str = ""
    states: list[tuple[float, str]] = field(default_factory=list)

    @property
    def began(self) -> float:
        return self.states[0][0]


@dataclass
class Log:
    """What was seen so far, by task."""

    names: Mapping[str, str]
    stories: dict[str, Story] = field(default_factory=dict)

    def add(self, tasks: list[dict[str, Any]]) -> None:
        """One look."""
        for task in tasks:
            name = f"{self.names.get(task['ServiceID'], task['ServiceID'])}.{task.get('Slot', 0)}"
            image = task["Spec"]["ContainerSpec"]["Image"].partition("@")[0]
            story = self.stories.setdefault(task["ID"], Story(task["ID"], name, image))
            story.name = name  # a new service's name may have come after its first task
            story.node = task.get("NodeID", "") or story.node
            status = task["Status"]
            story.message = status.get("Err", "") or story.message
            if not story.states or story.states[-1][1] != status["State"]:
                story.states.append((seconds_of(status["Timestamp"]), status["State"]))


def seconds_of(stamp: str) -> float:
    """Docker's time, with nine digits of a second, as seconds since 1970."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


@contextmanager
def watching(look: Callable[[], list[dict[str, Any]]], log: Log) -> Iterator[Log]:
    """Look without a pause, beside what the block does, until it ends."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            log.add(look())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield log
    finally:
        over.set()
        thread.join()
