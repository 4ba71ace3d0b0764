"""What a real Docker Swarm printed, command by command, against what we print to the same docker command.

With `-s` each unexplained difference is printed as it is found.
"""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from tests.engine.docker_clis import cli_parameters, path_cli, version_of
from tests.engine.golden_differences import PAGE, TABLE, Difference, page, read_table, unexplained
from tests.engine.golden_record import IMAGES as RECORDED_IMAGES
from tests.engine.golden_replay import Replay
from tests.engine.golden_text import FOLDER, Step, lines, ours, read_steps
from tests.engine.hosts import running_hosts

LOOKS = re.compile(r"docker (service|node) (ls|ps|inspect)")
SETTLED_WITHIN = 8.0
"""Seconds until a list must look as it did in the recording."""


def test_the_page_is_what_the_table_says() -> None:
    told = f"run `python -m tests.engine.golden_differences` after a change of {TABLE.name}"
    assert PAGE.read_text() == page(), told


def test_every_recorded_command_is_read() -> None:
    for name, terminals in (("cli20", True), ("cli28", True), ("one28", False)):
        steps = read_steps(FOLDER / name)
        recorded = sum(path.read_text().count("[exit ") for path in (FOLDER / name).glob("*.txt"))
        assert len(steps) == recorded > 150
        assert any(step.terminal for step in steps) is terminals, "tty recordings are there"


@pytest.mark.kernel
@pytest.mark.cli
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("docker", cli_parameters())
def test_a_real_swarm_s_answers(docker: Path) -> None:
    cli = "cli28" if int(version_of(docker).split(".")[0]) >= 25 else "cli20"
    with running_hosts("three_nodes", docker) as hosts:
        replay = Replay(hosts, docker)
        replay.prepare()
        compare(replay, cli)


@pytest.mark.kernel
@pytest.mark.cli
@pytest.mark.timeout(600)
def test_a_real_engine_s_answers() -> None:
    """Containers, images, volumes, networks, secrets, stacks, jobs, and wrong input, on one host."""
    docker = path_cli()
    if docker is None:
        pytest.skip("no docker command on PATH")
    with running_hosts("one_node", docker) as hosts:
        hosts.docker("manager1", "swarm", "init")
        for image in hosts.docker("manager1", "images", "--format", "{{.Repository}}:{{.Tag}}").split():
            if image not in RECORDED_IMAGES:
                hosts.docker("manager1", "rmi", image)
        compare(Replay(hosts, docker), "one28")


def compare(replay: Replay, cli: str) -> None:
    """Type the recording `cli`; every difference must be in the table, and what the table has for it must be one."""
    table, complaints = read_table(), []
    for step in read_steps(FOLDER / cli):
        different = _differences(replay, step, cli, table)
        if different:
            print(f"{cli}:{step.name} {step.command}", *different, sep="\n", flush=True)
            complaints.append("\n".join([f"{cli}:{step.name} {step.command}", *different]))
    unused = [entry for entry in table if not entry.used and not entry.sometimes]
    stale = [entry.reason for entry in unused if _meant_for(entry.where, cli)]
    assert not complaints, "differences that golden/differences.toml does not explain:\n\n" + "\n\n".join(complaints)
    assert not stale, f"differences.toml explains what is no difference any more: {stale}"


def _differences(replay: Replay, step: Step, cli: str, table: list[Difference]) -> list[str]:
    """What no entry explains. Lists are asked for again for a while: the recorder looked later than we do."""
    replay.between(step)
    theirs = _compared(step, step.code, step.stdout, step.stderr)
    deadline = time.monotonic() + (SETTLED_WITHIN if LOOKS.match(step.command) else 0)
    while True:
        marks = [entry.used for entry in table]
        different = unexplained(cli, step.name, theirs, _compared(step, *replay.run(step)), table)
        if not different or time.monotonic() > deadline:
            return different
        for entry, used in zip(table, marks, strict=True):
            entry.used = used
        threading.Event().wait(0.4)


def _meant_for(where: list[str], cli: str) -> bool:
    """True if this entry applies with this docker command alone: others may be used by the other one."""
    return any(place.startswith(f"{cli}:") or (":" not in place and cli != "one28") for place in where)


def _compared(step: Step, code: int, out: str, err: str) -> list[str]:
    """All that is compared of one command; on a terminal the two outputs are one."""
    out, err = ours(out), ours(err)
    if step.terminal:
        return sorted(set(lines(step.command, out + err)))
    ended = [] if step.interrupted else [f"[exit {code}]"]
    return [*lines(step.command, out), *(f"[stderr] {line}" for line in lines(step.command, err)), *ended]
