"""What the warm parent has loaded is shared; chance is not: two children of it make different keys."""

from __future__ import annotations

import os

from swarmkit_py.ca.root import create_key_and_request
from swarmkit_py.node import warm_up


def test_children_of_a_warm_parent_make_different_keys() -> None:
    warm_up()
    keys = {_key_of_a_child() for _ in range(3)} | {create_key_and_request()[0]}
    assert len(keys) == 4


def _key_of_a_child() -> str:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, create_key_and_request()[0].encode())
        os._exit(0)
    os.close(write)
    with open(read) as answer:
        text = answer.read()
    assert os.waitpid(child, 0)[1] == 0
    assert "PRIVATE KEY" in text
    return text
