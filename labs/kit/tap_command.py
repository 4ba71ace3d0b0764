"""Owns `lab tap`: the packets of a host on the terminal, and into a file outside the sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from labs.kit.break_commands import FAULT, USAGE, Lang, Name, fail, the_cluster, the_words
from labs.kit.probe import PYTHON

SCRIPT = Path(__file__).parent / "tap_script.py"


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command()(tap)


def tap(
    host: Annotated[str, typer.Argument(help="On which host.")],
    interface: Annotated[str, typer.Argument(help="Which (a network's, too: br-4097); all of the host's.")] = "",
    decode: Annotated[bool, typer.Option("--decode", help="Every header, a line each.")] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Only with this port, inside VXLAN too.")] = None,
    write: Annotated[str, typer.Option("--write", help="Into this file too, for tcpdump -r or Wireshark.")] = "",
    count: Annotated[int | None, typer.Option("--count", min=1, help="End after so many.")] = None,
    name: Name = "", lang: Lang = "",
) -> None:
    """Show a host's packets, one line each, until Ctrl-C."""
    words = the_words(lang)
    cluster = the_cluster("tap", name, words)
    try:
        fd = os.open(write, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644) if write else -1
    except OSError as error:
        fail(words("tap.file", file=write, error=error.strerror or str(error)), USAGE)
    texts = {"ready": words("tap.ready", host=host, what=interface or "*"),
             "summary": words("tap.summary", count="{count}"),
             "missing": "lab: " + words("tap.missing", host=host, interface=interface, names="{names}")}
    options = [f"--interface={interface}", f"--port={port or 0}", f"--count={count or 0}", f"--fd={fd}",
               *(f"--{key}={text}" for key, text in texts.items()), *(["--decode"] if decode else [])]
    argv = cluster.enter_argv(host, [PYTHON, "-I", "-S", str(SCRIPT), *options])
    try:
        status = _listen(argv, fd)
    finally:
        if fd >= 0:
            os.close(fd)
    if status:
        raise typer.Exit(status if status == USAGE else FAULT)


def _listen(argv: list[str], fd: int) -> int:
    """Until it ends by itself or somebody ends us. It holds our end of a pipe: were we killed, it would end as well,
    and Ctrl-C shall not end nsenter between us before the last line is there."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        inside = subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=[fd] if fd >= 0 else [])
        assert inside.stdin is not None
        line = inside.stdin
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: line.close())
        return inside.wait()
    finally:
        signal.signal(signal.SIGINT, before)
