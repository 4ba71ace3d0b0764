"""Owns `lab watch`: what changes in a manager's store, a line a change, as it happens. Reads only.

`docker events` tells of services and containers; this tells of tasks as well, each step of their climb.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labs.kit.why_command import the_manager, words_of

if TYPE_CHECKING:
    from labs.kit.words import Words

Event = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Put `watch` into `app`."""
    app.command()(watch)


def watch(
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help="Only this service and its tasks.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", help="task, service, node, network, secret, …; may be repeated.")] = None,
    start: Annotated[int, typer.Option("--from", min=0, help="Go on after this version, not from now.")] = -1,
    name: Annotated[str, typer.Option("--name", help="Which running lab or cluster, when there are several.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A commit a line, for programs.")] = False,
) -> None:
    """Follow the swarm's store: every change of tasks, services and nodes, until Ctrl-C."""
    from labs.kit.engine_client import EngineError
    from swarmkit_py.errors import FailedPrecondition, InvalidArgument

    words, manager = words_of(lang), the_manager(name)
    hosts = {node["ID"]: node["Description"].get("Hostname", "") for node in manager.get("/nodes")}
    asked = {key: values for key, values in (("kind", kind), ("service", [service] if service else None)) if values}
    query: dict[str, Any] = {"filters": asked, "old": 1, **({"from": start} if start >= 0 else {})}
    began = time.monotonic()
    try:
        for line in manager.stream("/swarmkit/watch", **query):
            if as_json:
                print(json.dumps(line), flush=True)
                continue
            if "Events" not in line:
                print(words("watch.head", cluster=manager.path.parent.parent.name, host=manager.path.parent.name,
                            version=line["Version"]), file=sys.stderr)
            for event in line.get("Events", ()):
                at = time.monotonic() - began
                print(f"{at:7.2f} s  v{line['Version']:<5} {told(event, words, hosts)}", flush=True)
    except EngineError as error:
        raise (InvalidArgument if error.status == 400 else FailedPrecondition)(str(error)) from None


def told(event: Event, words: Words, hosts: dict[str, str]) -> str:
    """One change in words: `task web.1   pending → assigned   on worker1`."""
    subject = f"{event['Kind']:<7} {event['Name']:<14}"
    if event["Kind"] != "task" or event["Action"] == "remove":
        return f"{subject} {words('watch.' + event['Action'])}"
    new, old = event["Object"], event.get("OldObject") or {}
    return f"{subject} {'   '.join(_steps(new, old, words, hosts)) or words('watch.update')}"


def _steps(new: Event, old: Event, words: Words, hosts: dict[str, str]) -> list[str]:
    state, before = new["Status"]["State"], old.get("Status", {}).get("State")
    found = []
    if state != before:
        found.append(words("watch.state", old=before, new=state) if before else words("watch.first", new=state))
    if new.get("NodeID") and new["NodeID"] != old.get("NodeID"):
        found.append(words("watch.on", node=hosts.get(new.get("NodeID", ""), new.get("NodeID", ""))))
    if old and new["DesiredState"] != old["DesiredState"]:
        found.append(words("watch.wanted", old=old["DesiredState"], new=new["DesiredState"]))
    if (error := new["Status"].get("Err", "")) and error != old.get("Status", {}).get("Err"):
        found.append(error)
    return found
