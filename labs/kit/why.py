"""Owns how an explanation reads: the manager's facts about a waiting task, or the rebalancer's plan, as text in the
reader's language, each refusal with the command that would help. Pure.
"""

from __future__ import annotations

from typing import Any

from labs.kit.style import Line, Span, length, line, wrapped
from labs.kit.words import Words

Json = dict[str, Any]
WIDTH = 100
"""Columns where nobody says how many there are."""


def explanation(tasks: list[Json], target: str, words: Words, width: int = WIDTH) -> list[Line]:
    """Why these tasks do not run. Tasks that wait for the same are told of together."""
    if not tasks:
        return wrapped(words("why.nothing", target=target), width)
    lines: list[Line] = []
    for alike in _alike(tasks):
        lines += [*_task(alike, words, width), line("")]
    return lines[:-1]


def _alike(tasks: list[Json]) -> list[list[Json]]:
    groups: dict[str, list[Json]] = {}
    for task in tasks:
        facts = repr([task[key] for key in ("State", "DesiredState", "Err", "Last", "Nodes")])
        groups.setdefault(facts, []).append(task)
    return list(groups.values())


def _task(alike: list[Json], words: Words, width: int) -> list[Line]:
    task = alike[0]
    names = ", ".join(str(t["Name"]) for t in alike[:4]) + (f", … ({len(alike)})" if len(alike) > 4 else "")
    said = words(f"why.state.{_state(task)}", state=task["State"])
    lines = [line(Span(names, "title"), ": ", said)]
    if length(lines[0]) > width:
        lines = [*wrapped(f"{names}:", width, "title"), *wrapped(said, width, "", "  ")]
    for text in (task["Err"], "" if task["Err"] else task["Message"]):
        if text:
            lines += wrapped(str(text), width, "dim", "  ")
    if task["Last"]:
        lines += wrapped(words("why.last", error=task["Last"]), width, "", "  ")
    names_width = max((len(verdict["Hostname"]) for verdict in task["Nodes"]), default=0) + 2
    for verdict in task["Nodes"]:
        lines += _verdict(verdict, names_width, words, width)
    return lines


def _state(task: Json) -> str:
    """The key of the sentence about the state."""
    if task["State"] == "running":
        return "running"
    if task["State"] in ("complete", "shutdown", "failed", "rejected", "remove", "orphaned"):
        return "ended"
    if task["DesiredState"] == "ready" and task["State"] != "pending":
        return "held"
    return task["State"] if task["State"] in ("new", "pending") else "on_node"


def _verdict(verdict: Json, names_width: int, words: Words, width: int) -> list[Line]:
    name = f"  {verdict['Hostname']:<{names_width}}"
    refusals = verdict.get("Refusals") or []
    if not refusals:
        return wrapped(words("why.fits"), width, "good", name)
    lines: list[Line] = []
    for number, refusal in enumerate(refusals):
        lead = name if number == 0 else " " * len(name)
        facts = {**refusal.get("Facts", {}), "host": verdict["Hostname"]}
        key = _key(refusal["Filter"], facts)
        lines += wrapped(words.fill(f"why.filter.{key}", facts), width, "bad", lead)
        lines += wrapped(words.fill(f"why.help.{key}", facts), width, "", " " * len(name) + "→ ")
    return lines


def _key(name: str, facts: dict[str, str]) -> str:
    """The sentence for a refusal: by its filter, and by what exactly was wrong where that needs another help."""
    if name == "ready":
        return "state" if "state" in facts else "availability"
    if name == "resource":
        return "cpus" if "cpus" in facts else "memory" if "memory_mib" in facts else "generic"
    if name == "constraint":
        if not facts.get("key", "").startswith("node.labels."):
            return "constraint"
        facts["label"] = facts["key"].removeprefix("node.labels.")
        if facts.get("operator") != "==":
            return "not_label"
        return "label" if facts.get("has") else "no_label"
    return name.replace(" ", "_")


def plan(services: list[Json], words: Words, width: int = WIDTH) -> list[Line]:
    """What the rebalancer would do, service by service."""
    if not services:
        return wrapped(words("why.rebalance.none"), width)
    lines: list[Line] = []
    for service in services:
        on = words("why.rebalance.on" if service["On"] else "why.rebalance.off")
        lines.append(line(Span(service["Name"], "title"), f" ({on})"))
        if service["Hindrance"]:
            key = f"why.rebalance.hindrance.{service['Hindrance'].replace(' ', '_')}"
            lines += wrapped(words(key), width, "", "  ")
        elif not service["Moves"]:
            lines.append(line("  ", words("why.rebalance.even")))
        for move in service["Moves"]:
            said = words("why.rebalance.move", task=move["Task"], here=move["From"], there=move["To"],
                         n=move["CountFrom"], m=move["CountTo"])
            lines += wrapped(said, width, "", "  ")
    if any(service["Moves"] and not service["On"] for service in services):
        lines += wrapped(words("why.rebalance.how"), width)
    return lines
