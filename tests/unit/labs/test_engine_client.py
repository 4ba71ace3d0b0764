"""What the kit says when a host's engine is not there, or goes away in the middle of an answer."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from labs.kit.cli import exit_code
from labs.kit.engine_client import Engine, EngineSilent


def test_no_engine_is_the_machines_fault_and_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EngineSilent, match="of host worker1 stopped answering") as caught:
        Engine(tmp_path / "worker1" / "docker.sock").get("/info")
    assert exit_code(caught.value) == 3
    assert isinstance(caught.value, OSError)  # whoever only looks takes it as one more failed connection


def test_an_engine_that_dies_while_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def die() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=die)
        thread.start()
        with pytest.raises(EngineSilent, match="RemoteDisconnected"):
            Engine(path).get("/info")
        thread.join()
