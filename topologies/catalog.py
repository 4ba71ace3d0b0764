"""Owns the names of topologies: those in this folder, `nodes:N`, and files of the user's own."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from swarmkit_py.errors import InvalidArgument, NotFound

NAMES = ("one_node", "three_nodes", "four_nodes", "three_managers", "two_racks", "nodes")
MOST_NODES = 99
"""10.7.0.100 is the client's."""


def check(topology: str) -> str:
    """The topology as the sandbox can find it: a name, or the whole path of a file. Raises NotFound, InvalidArgument.

    Cheap: does not import Mininet.
    """
    name, _, argument = topology.partition(":")
    if name in NAMES:
        if argument and (name != "nodes" or not argument.isdigit()):
            raise InvalidArgument(f"{topology!r}: only 'nodes' takes a number, as in 'nodes:10'.")
        if argument and not 1 <= int(argument) <= MOST_NODES:
            raise InvalidArgument(f"{topology!r}: between 1 and {MOST_NODES} nodes are possible.")
        return topology
    if name.endswith(".py"):
        path = Path(topology).resolve()
        if not path.is_file():
            raise NotFound(f"There is no topology file {path}.")
        return str(path)
    close = difflib.get_close_matches(name, NAMES, 1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    raise NotFound(
        f"There is no topology {topology!r}.{meant} There are: {', '.join(NAMES[:-1])}, nodes:N, or a file of yours."
    )


def build(topology: str, text: str = "") -> Any:
    """The Mininet Topo object; `text` is the file's text where `topology` is a path.

    Raises InvalidArgument for a file that is no topology, or for a number that is not possible.
    """
    name, _, argument = topology.partition(":")
    try:
        if name in NAMES:
            make = importlib.import_module(f"topologies.{name}").topos[name]
            return make(count=int(argument)) if argument else make()
        return _from_text(Path(topology), text)()
    except ValueError as error:
        raise InvalidArgument(str(error)) from error


def _from_text(path: Path, text: str) -> Any:
    """The class (or function) in a custom topology's `topos`: the one named as the file, else the first."""
    module = ModuleType("custom_topology")
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except Exception as error:  # noqa: BLE001 - a user's file may fail in any way; its author wants to know how
        raise InvalidArgument(f"{path} fails as Python: {type(error).__name__}: {error}.") from error
    topos = getattr(module, "topos", None)
    if not isinstance(topos, dict) or not topos:
        raise InvalidArgument(f"{path} has no 'topos' dictionary, as Mininet asks of a custom topology.")
    return topos.get(path.stem, next(iter(topos.values())))
