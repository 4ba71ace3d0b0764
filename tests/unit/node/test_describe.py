"""What a node says of itself: what the machine has, unless it is told to offer less."""

from __future__ import annotations

from pathlib import Path

from swarmkit_py.__main__ import options_from, parser
from swarmkit_py.node.describe import describe_node, memory_bytes


def offered(memory: int) -> int | None:
    resources = describe_node("worker1", memory=memory).resources
    return resources.memory_bytes if resources else None


def test_a_node_offers_its_machine_s_memory_or_what_it_is_told_to() -> None:
    assert offered(0) == memory_bytes() > 0
    assert offered(512 * 2**20) == 512 * 2**20


def test_the_command_line_says_how_much() -> None:
    args = parser().parse_args(["--data-root", str(Path("/nowhere")), "--node-memory", "1073741824"])
    assert options_from(args).memory == 2**30
