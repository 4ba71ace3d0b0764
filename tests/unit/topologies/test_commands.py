"""The `lab` command's own decisions: exit codes, and the words behind a host in `lab exec`."""

from __future__ import annotations

import pytest

from labs.kit.cli import exit_code
from labs.kit.cluster_commands import split_command
from swarmkit_py.errors import FailedPrecondition, Internal, InvalidArgument, NotFound
from topologies.cluster import MachineFault
from topologies.trials import reason


def test_exit_codes() -> None:
    assert exit_code(InvalidArgument("")) == exit_code(NotFound("")) == 2
    assert exit_code(FailedPrecondition("")) == 1
    assert exit_code(MachineFault("")) == exit_code(Internal("")) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ls", "-l"], ("", ["ls", "-l"])),
        (["--", "ls", "--", "x"], ("", ["ls", "--", "x"])),
        (["--name", "a", "--", "ls"], ("a", ["ls"])),
        (["--name=a", "ls"], ("a", ["ls"])),
        (["docker", "run", "--name", "web"], ("", ["docker", "run", "--name", "web"])),
        (["--", "--name", "x"], ("", ["--name", "x"])),
    ],
)
def test_the_command_is_left_alone(words: list[str], expected: tuple[str, list[str]]) -> None:
    assert split_command(words) == expected


@pytest.mark.parametrize("words", [[], ["--"], ["--name"], ["--name", "a"], ["--name=a", "--"], ["--names=a", "ls"]])
def test_no_command(words: list[str]) -> None:
    with pytest.raises(InvalidArgument, match="lab exec"):
        split_command(words)


def test_the_telling_line_of_a_tools_complaint() -> None:
    assert reason("/dev/stdin:2:3: Error: syntax error\n  a line\n   ^\n") == "/dev/stdin:2:3: Error: syntax error"
    assert reason("first\nlast\n\n") == "last"
    assert reason("  \n") == ""
