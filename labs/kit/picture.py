"""Owns the picture of the cluster: columns are machines, cards are tasks. Pure; it draws what the kernel shows.

    ■ lives   ▫ is starting   ▪ is leaving   ▨ the swarm says it runs, the kernel shows nothing   □ of no service
"""

from __future__ import annotations

from dataclasses import dataclass

from labs.kit.style import Line, Span, columns, line, wrapped
from labs.kit.words import Words
from labs.kit.world import World

LIVES, STARTS, LEAVES, GHOST, STRANGER = "lives", "starts", "leaves", "ghost", "stranger"
SIGNS = {LIVES: "■", STARTS: "▫", LEAVES: "▪", GHOST: "▨", STRANGER: "□"}
STYLES = {LIVES: "good", STARTS: "wait", LEAVES: "dim", GHOST: "bad", STRANGER: "bad"}
NARROW = 80
STARTING = ("new", "pending", "assigned", "accepted", "preparing", "ready", "starting")


@dataclass(frozen=True)
class Card:
    label: str
    state: str


@dataclass(frozen=True)
class Column:
    name: str
    manager: bool
    leader: bool
    ready: bool
    active: bool
    cards: tuple[Card, ...]
    bare: bool = False
    """In no swarm."""

    @property
    def sign(self) -> str:
        """As in the shells' prompts."""
        return "·" if self.bare else "◆" if self.manager else "○"

    def count(self, state: str) -> int:
        return sum(card.state == state for card in self.cards)


def draw(world: World, service: str) -> tuple[Column, ...]:
    """The facts of the picture; tasks of other services are drawn too."""
    cards: dict[str, list[Card]] = {node.name: [] for node in world.nodes}
    names = {node.id: node.name for node in world.nodes}
    order = sorted(world.services, key=lambda name: (name != service, name))
    for name in order:
        live = {task.id for task in world.live(name)}
        for task in sorted(world.tasks_of(name), key=lambda task: int(task.get("Slot") or 0)):
            state, host = _state(task, task["ID"] in live), names.get(task.get("NodeID", ""), "")
            if state and host:
                cards[host].append(Card(f"{name}.{task.get('Slot', '')}", state))
    for stranger in world.strangers():
        cards.setdefault(stranger.host, []).append(Card(stranger.name, STRANGER))
    if not world.nodes:  # no swarm yet: bare hosts, and what was started on them by hand
        return tuple(Column(host, False, False, True, True, tuple(cards.get(host, ())), bare=True)
                     for host in world.swarm_hosts)
    return tuple(
        Column(node.name, node.manager, node.leader, node.ready, node.active, tuple(cards[node.name]))
        for node in world.nodes)


def _state(task: dict[str, object], lives: bool) -> str | None:
    status = task.get("Status")
    state = status.get("State") if isinstance(status, dict) else ""
    if task.get("DesiredState") != "running":
        return LEAVES if state == "running" else None
    if lives:
        return LIVES
    return STARTS if state in STARTING else GHOST if state == "running" else None


def render(picture: tuple[Column, ...], words: Words, width: int, plain: bool = False) -> list[Line]:
    """The picture in at most `width` columns; one line a node where it is narrow or must be plain."""
    if plain or width < NARROW or len(picture) > 4:
        return lines_of(picture, words, width, plain)
    each = (width - 2) // max(1, len(picture))
    stacks = [[_head(column, words), *_cards(column, each - 2)] for column in picture]
    height = max((len(stack) for stack in stacks), default=0)
    return [line("  ", *columns([stack[row] if row < len(stack) else [] for stack in stacks], each))
            for row in range(height)]


def lines_of(picture: tuple[Column, ...], words: Words, width: int, plain: bool = False) -> list[Line]:
    """The picture as one line a node, with numbers in place of cards."""
    return [part for column in picture for part in _one_line(column, words, width, plain)]


def _mark(column: Column, words: Words) -> str:
    if not column.ready:
        return words("node.down")
    if not column.active:
        return words("node.closed")
    return words("node.leader") if column.leader else words("node.manager") if column.manager else ""


def _head(column: Column, words: Words) -> Line:
    style = "" if column.ready and column.active else "bad"
    return [Span(column.name, "title"), Span(f" {column.sign} {_mark(column, words)}", style)]


def _cards(column: Column, width: int) -> list[Line]:
    rows: list[Line] = []
    for card in column.cards:
        cell = Span(f"{SIGNS[card.state]} {card.label}  "[:width], STYLES[card.state])
        if rows and sum(len(span.text) for span in rows[-1]) + len(cell.text) <= width:
            rows[-1].append(cell)
        else:
            rows.append([cell])
    return rows


def _one_line(column: Column, words: Words, width: int, plain: bool) -> list[Line]:
    counts = [words(f"card.{state}", n=column.count(state)) for state in SIGNS if column.count(state)]
    said = ", ".join(counts) or words("card.none")
    mark = _mark(column, words)
    sign = "" if plain or column.bare else f" {column.sign}"
    head = "  " + words("card.of", name=f"{column.name}{sign}{' ' + mark if mark else ''}") + " "
    return wrapped(f"{said}", width, first=head, rest="    ")
