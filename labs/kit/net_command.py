"""Owns `lab net verify`: each host's kernel against what its networks should be, as its swarmd finds it. Only looks.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from labs.kit.break_commands import FAULT, Lang, Name, the_cluster, the_words

FAILED = 1


def register(app: typer.Typer) -> None:
    """Put `net` into `app`."""
    net = typer.Typer(no_args_is_help=True, help="The networks of the hosts.")
    net.callback()(lambda: None)
    net.command()(verify)
    app.add_typer(net, name="net")


def verify(
    host: Annotated[str, typer.Argument(help="Which host; all by default.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    name: Name = "", lang: Lang = "",
) -> None:
    """Wanted against actual: 0 all agree, 1 some differ, 3 some do not answer."""
    from labs.kit.engine_client import Engine, EngineSilent
    from labs.kit.style import paint_all, wrapped
    from labs.kit.terminal import printed_width

    words = the_words(lang)
    cluster = the_cluster("net verify", name, words)
    hosts = [host] if host else [one.name for one in cluster.hosts if one.role != "client"]
    found: dict[str, list[str] | None] = {}
    for one in hosts:
        try:
            found[one] = Engine(cluster.socket(one)).get("/swarmkit/net/verify")["Differences"]
        except EngineSilent:
            found[one] = None
    if as_json:
        print(json.dumps(found, indent=2))
    for one, differences in () if as_json else found.items():
        key = "silent" if differences is None else "differs" if differences else "agrees"
        said, wide = words(f"net.{key}", count=len(differences or ())), printed_width()
        print(paint_all(wrapped(said, wide, first=f"{one:<12} ", rest="  "), colour=False))
        for sentence in differences or ():
            print(paint_all(wrapped(sentence, wide, first="    ", rest="      "), colour=False))
    if any(differences is None for differences in found.values()):
        raise typer.Exit(FAULT)
    if any(found.values()):
        raise typer.Exit(FAILED)
