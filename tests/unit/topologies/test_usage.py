"""What processes use, from outside: their own memory, and what they share or hold open under no name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from topologies.usage import Usage, usage_below

MIB = 1024 * 1024
SIZE = 96
OWN = "held = bytearray(b'x' * (SIZE << 20))"
MAPPED = "import mmap; held = mmap.mmap(-1, SIZE << 20); [held.write(bytes(1 << 20)) for _ in range(SIZE)]"
FORKED = MAPPED + "; import os; child = os.fork(); [held[i] for i in range(0, SIZE << 20, 4096)]"
NAMELESS = "import os; held = os.memfd_create('x'); [os.write(held, bytes(1 << 20)) for _ in range(SIZE)]"
TWICE = NAMELESS + "; os.dup(held)"


@contextmanager
def running(code: str) -> Iterator[int]:
    """A process that has done this, and waits."""
    script = f"SIZE = {SIZE}\n{code}\nprint('done', flush=True)\ninput()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-S", "-c", script], stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None and process.stdout.readline() == b"done\n"
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.fixture(scope="module")
def nothing() -> Usage:
    with running("pass") as pid:
        return usage_below(pid)


WAYS = {"own": OWN, "mapped": MAPPED, "forked": FORKED, "memfd": NAMELESS, "twice": TWICE}


@pytest.mark.parametrize("code", WAYS.values(), ids=WAYS)
def test_memory_is_counted_once_however_it_is_held(code: str, nothing: Usage) -> None:
    with running(code) as pid:
        more = usage_below(pid).bytes - nothing.bytes
    assert SIZE * MIB <= more < 1.4 * SIZE * MIB


def test_an_ended_process_uses_nothing() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert usage_below(process.pid).bytes == 0
