"""Owns `docker import --change`: Dockerfile lines that set an image's configuration. Pure; knows no image.

Counterpart: moby/builder/dockerfile (BuildFromConfig) and its table of instructions that a commit may use.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

import msgspec

from swarmkit_py.errors import InvalidArgument

Config = dict[str, Any]


def config_of(changes: list[str]) -> Config:
    """The OCI `config` object that these lines make. Raises InvalidArgument for a line that is none of them."""
    config: Config = {}
    for line in changes:
        word, _, rest = line.strip().partition(" ")
        instruction = _INSTRUCTIONS.get(word.upper())
        if instruction is None:
            raise InvalidArgument(f"{word} is not a valid change command")
        if not rest.strip():
            raise InvalidArgument(f"{word.upper()} requires at least one argument")
        instruction(config, rest.strip())
    return config


def _command(key: str) -> Callable[[Config, str], None]:
    def put(config: Config, text: str) -> None:
        """`["a","b"]` as it is, anything else through a shell, as in a Dockerfile."""
        try:
            words = msgspec.json.decode(text, type=list[str])
        except msgspec.DecodeError:
            words = ["/bin/sh", "-c", text]
        config[key] = words

    return put


def _word(key: str) -> Callable[[Config, str], None]:
    def put(config: Config, text: str) -> None:
        config[key] = text

    return put


def _env(config: Config, text: str) -> None:
    config.setdefault("Env", []).extend(f"{key}={value}" for key, value in _pairs("ENV", text))


def _label(config: Config, text: str) -> None:
    config.setdefault("Labels", {}).update(_pairs("LABEL", text))


def _pairs(word: str, text: str) -> list[tuple[str, str]]:
    """`a=1 b="2 3"`, or the old form `a 1`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise InvalidArgument(f"{word} {text}: {error}") from None
    if words and "=" not in words[0] and len(words) > 1:
        return [(words[0], " ".join(words[1:]))]
    if not all("=" in item for item in words):
        raise InvalidArgument(f"Syntax error - can't find = in {text!r}. Must be of the form: name=value")
    return [(item.partition("=")[0], item.partition("=")[2]) for item in words]


def _ports(config: Config, text: str) -> None:
    for port in text.split():
        config.setdefault("ExposedPorts", {})[port if "/" in port else f"{port}/tcp"] = {}


def _volumes(config: Config, text: str) -> None:
    try:
        paths = msgspec.json.decode(text, type=list[str])
    except msgspec.DecodeError:
        paths = text.split()
    config.setdefault("Volumes", {}).update({path: {} for path in paths})


_INSTRUCTIONS: dict[str, Callable[[Config, str], None]] = {
    "CMD": _command("Cmd"), "ENTRYPOINT": _command("Entrypoint"), "ENV": _env, "LABEL": _label, "EXPOSE": _ports,
    "VOLUME": _volumes, "USER": _word("User"), "WORKDIR": _word("WorkingDir"), "STOPSIGNAL": _word("StopSignal"),
}
