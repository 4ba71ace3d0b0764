"""`lab docs` where it cannot do what it is asked for."""

from __future__ import annotations

import socket
import subprocess

import pytest

from labs.kit import docs_command
from swarmkit_py.errors import FailedPrecondition
from topologies.cluster import MachineFault


def test_a_taken_port_is_told_before_anything_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs_command, "get_tools", lambda: pytest.fail("it goes on"))
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(FailedPrecondition, match="--port 0"):
        docs_command.docs(port=taken.getsockname()[1])


def test_without_a_network_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "  ERROR: No matching distribution found for mkdocs\n  [end of output]\n\nnote: not a problem with pip.\n"
    monkeypatch.setattr(docs_command, "find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 1, "", said))
    with pytest.raises(MachineFault, match="read the files in docs/ as they are.*No matching distribution"):
        docs_command.get_tools()
