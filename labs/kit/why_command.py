"""Owns the command `lab why`: asks a manager why something does not run, and prints the answer. Changes nothing."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from labs.kit.engine_client import Engine
    from labs.kit.words import Words


def register(app: typer.Typer) -> None:
    """Put `why` into `app`."""
    app.command()(why)


def why(
    target: Annotated[str, typer.Argument(metavar="TASK|SERVICE", help="web, web.3 or a task's id.")] = "",
    rebalance: Annotated[bool, typer.Option("--rebalance", help="What the rebalancer would move.")] = False,
    name: Annotated[str, typer.Option("--name", help="Which running lab or cluster, when there are several.")] = "",
    lang: Annotated[str, typer.Option("--lang", help="fr or en; else $LAB_LANG, else the locale.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Why a task does not run: what each node lacks, and what would help."""
    from labs.kit import why as texts
    from labs.kit.style import paint_all
    from labs.kit.terminal import colour_wanted, printed_width
    from swarmkit_py.errors import InvalidArgument

    if bool(target) is rebalance:
        raise InvalidArgument("Say which task or service: lab why web, or lab why --rebalance.")
    words = words_of(lang)
    manager = the_manager(name)
    answer = _ask(manager, "/swarmkit/rebalance" if rebalance else f"/swarmkit/why/{target}")
    if as_json:
        print(json.dumps(answer, indent=2))
        return
    wide = printed_width(texts.WIDTH)
    lines = texts.plan(answer, words, wide) if rebalance else texts.explanation(answer, target, words, wide)
    print(paint_all(lines, colour_wanted(os.environ, sys.stdout.isatty(), plain=False)))


def words_of(lang: str) -> Words:
    from labs.kit.words import kit_words, language
    from swarmkit_py.errors import InvalidArgument

    try:
        return kit_words(language(lang or None, os.environ))
    except ValueError as error:
        raise InvalidArgument(str(error)) from None


def the_manager(name: str) -> Engine:
    """The first host whose Docker is a manager's."""
    from labs.kit.engine_client import Engine
    from swarmkit_py.errors import FailedPrecondition
    from topologies import clusters

    cluster = clusters.find(name or None)
    for host in sorted(cluster.hosts, key=lambda host: host.role != "manager"):
        if host.role == "client":
            continue
        engine = Engine(cluster.socket(host.name))
        if engine.get("/info")["Swarm"].get("ControlAvailable"):
            return engine
    raise FailedPrecondition(f"No host of {cluster.name} is a swarm's manager yet: docker swarm init makes one.")


def _ask(manager: Engine, path: str) -> Any:
    from labs.kit.engine_client import EngineError
    from swarmkit_py.errors import FailedPrecondition, NotFound

    try:
        return manager.get(path)
    except EngineError as error:
        raise (NotFound if error.status == 404 else FailedPrecondition)(str(error)) from None
