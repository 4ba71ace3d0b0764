"""Owns the command `lab docs`: gets MkDocs where it is missing, builds the site, serves it on this machine only.

The tools are the extra `docs` of pyproject.toml and not part of the set-up: most people read the docs elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from swarmkit_py.errors import FailedPrecondition, InvalidArgument
from topologies.cluster import PROJECT, MachineFault

SITE = PROJECT / ".kit" / "site"
SELF = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Put the command into `app`."""
    app.command()(docs)


def docs(
    build: Annotated[str, typer.Option("--build", help="Only build, into this folder; it works offline.")] = "",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Where to serve; 0: any free one.")] = 8000,
) -> None:
    """Build these docs and serve them on this machine, until Ctrl-C."""
    target = _target(build)
    if build:
        get_tools()
        build_site(target)
        print(f"The site is in {target}: open {target / 'index.html'}")
        return
    with _listen(target, port) as server:  # before the build: who cannot serve need not wait for it
        get_tools()
        build_site(target)
        print(f"http://{SELF}:{server.server_port}/   (Ctrl-C ends it)", flush=True)
        server.serve_forever()


def _target(build: str) -> Path:
    """Where to build. MkDocs empties the folder first, so it must be a new one, an empty one or a site."""
    if not build:
        return SITE
    target = Path(build).absolute()
    if target.exists() and not target.is_dir():
        raise InvalidArgument(f"{target} is a file: name a folder.")
    if target.is_dir() and any(target.iterdir()) and not (target / "sitemap.xml").exists():
        raise InvalidArgument(f"{target} holds other things, and a build empties its folder: name a new one.")
    return target


def get_tools() -> None:
    """Install the extra `docs` unless it is there. Raises MachineFault where nothing can be fetched."""
    if all(find_spec(name) for name in ("mkdocs", "material")):
        return
    print("Fetching MkDocs and its theme, once (half a minute) …", file=sys.stderr, flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run([*pip, "-e", f"{PROJECT}[docs]"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or ["nothing"]
        last = next((line for line in reversed(said) if line.startswith("ERROR")), said[-1])
        raise MachineFault("The docs need MkDocs, and it cannot be fetched. Try again with a network, or read the "
                           f"files in docs/ as they are. pip says: {last}")


def build_site(target: Path) -> None:
    """Build strictly: a warning is an error. Raises FailedPrecondition with what MkDocs says."""
    print("Building the pages …", file=sys.stderr, flush=True)
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(argv, cwd=PROJECT, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=False)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if not line.startswith("INFO")]
        raise FailedPrecondition("\n".join(["The pages are not whole:", *said]))


def _listen(folder: Path, port: int) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((SELF, port), partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise FailedPrecondition(f"Port {port} cannot be used here ({error.strerror}): lab docs --port 0 takes any "
                                 "that is free.") from None


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads a line a picture."""
