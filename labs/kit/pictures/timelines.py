"""Owns two drawings of tasks in time: the chain of states of each, and an update slot by slot. Pure, SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from labs.kit.marks import box, document, text
from labs.kit.pictures.watching import Story
from labs.kit.trace.text import duration

COLOURS = {
    "new": "#eceff3", "pending": "#fff0c2", "assigned": "#e3ecfb", "accepted": "#e3ecfb", "preparing": "#d2e3fb",
    "ready": "#bcd6fa", "starting": "#a6c8f9", "running": "#bfe8cb", "complete": "#d9f2df", "shutdown": "#d7dbe0",
    "failed": "#f9c7c7", "rejected": "#f9c7c7", "orphaned": "#f9c7c7", "remove": "#d7dbe0",
}
VERSIONS = ("#d7dbe0", "#8fc7f5", "#bfe8cb")
LEFT, CELL, HIGH, ROW, TOP = 24, 92, 40, 74, 84
AXIS, SCALE_LEFT, WIDTH = 760, 150, 960


def chains(stories: Sequence[tuple[str, Story]], end: float, title: str) -> str:
    """Each task as the chain of the states it was seen in, with how long it was in each; (sentence, task)."""
    marks = [text(LEFT, 30, title, "t"),
             text(LEFT, 52, "How long a task was in each state, as its manager saw it. The last one lasts.", "d")]
    for row, (sentence, story) in enumerate(stories):
        y = TOP + row * ROW
        marks.append(text(LEFT, y + 4, f"{story.name}: {sentence}", "h"))
        for number, (when, state) in enumerate(story.states):
            x = LEFT + number * (CELL + 14)
            last = number + 1 == len(story.states)
            until = end if last else story.states[number + 1][0]
            marks += box(x, y + 14, CELL, HIGH - 4, COLOURS.get(state, "#ffffff"), "#8c959f")
            marks.append(text(x + 7, y + 29, state))
            if not last:
                marks.append(text(x + 7, y + 44, duration(max(0.0, until - when) * 1e9), "s", "#57606a"))
                marks.append(text(x + CELL + 3, y + 35, "→"))
    most = max((len(story.states) for _, story in stories), default=1)
    return document(max(WIDTH, 2 * LEFT + most * (CELL + 14)), TOP + len(stories) * ROW + 6, title, marks)


def update(stories: Sequence[Story], title: str, said: str, hosts: Mapping[str, str]) -> str:
    """A bar for each task from its beginning to its end, a row for each slot, a colour for each image."""
    rows = sorted({story.name for story in stories}, key=lambda name: (len(name), name))
    images = list(dict.fromkeys(story.image for story in sorted(stories, key=lambda one: one.began)))
    begin = min(time for story in stories for time, state in story.states if state == "shutdown")
    last = max(story.states[-1][0] for story in stories)
    begin, end = begin - 0.1 * (last - begin), last + 0.12 * (last - begin)

    def at(time: float) -> int:
        return int(SCALE_LEFT + AXIS * (min(max(time, begin), end) - begin) / (end - begin))

    marks = [text(LEFT, 30, title, "t"), text(LEFT, 52, said, "d")]
    bottom = TOP + 12 + len(rows) * 34
    marks += _axis(begin, end, bottom, at)
    for story in sorted(stories, key=lambda one: one.began):
        y = TOP + 12 + rows.index(story.name) * 34
        marks += _bar(story, y, at, end, VERSIONS[images.index(story.image) % len(VERSIONS)], hosts)
    marks += [text(LEFT, TOP + 30 + number * 34, name) for number, name in enumerate(rows)]
    for number, image in enumerate(images):
        x = SCALE_LEFT + number * 150
        marks += box(x, bottom + 34, 16, 14, VERSIONS[number % len(VERSIONS)], "#8c959f")
        marks.append(text(x + 22, bottom + 46, image))
    x = SCALE_LEFT + len(images) * 150
    marks += box(x, bottom + 34, 16, 14, COLOURS["pending"], "#8c959f")
    marks.append(text(x + 22, bottom + 46, "not running yet"))
    return document(WIDTH, bottom + 64, title, marks)


def _bar(story: Story, y: int, at: object, end: float, colour: str, hosts: Mapping[str, str]) -> list[str]:
    assert callable(at)
    times = {state: time for time, state in reversed(story.states)}
    ended = ("shutdown", "failed", "complete", "rejected")
    over = next((time for time, state in story.states if state in ended), end)
    runs = times.get("running", over)
    marks: list[str] = []
    if at(runs) > at(story.began):
        marks += box(at(story.began), y, at(runs) - at(story.began), 24, COLOURS["pending"], "#8c959f")
    if at(over) > at(runs):
        marks += box(at(runs), y, at(over) - at(runs), 24, colour, "#8c959f")
        node = hosts.get(story.node, "")
        if at(over) - at(runs) > 9 * len(node):
            marks.append(text(at(runs) + 6, y + 16, node, "s"))
    return marks


def _axis(begin: float, end: float, bottom: int, at: object) -> list[str]:
    assert callable(at)
    marks = []
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60) if (end - begin) / step <= 14)
    zero = begin + 0.1 / 1.22 * (end - begin)
    for number in range(int((end - zero) / step) + 1):
        x = at(zero + number * step)
        marks.append(f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{bottom}" stroke="#d0d7de"/>')
        marks.append(text(x - 8, bottom + 18, f"{number * step:g} s", "s", "#57606a"))
    return marks
