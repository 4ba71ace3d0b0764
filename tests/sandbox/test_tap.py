"""`lab tap` shows what tcpdump sees, writes what tcpdump reads, and ends politely."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sandbox.conftest import Start
from tests.sandbox.test_break import lab, run
from topologies.cluster import PROJECT

pytestmark = pytest.mark.kernel


def test_each_packet_is_one_line_and_tcpdump_agrees(start: Start, tmp_path: Path) -> None:
    cluster, file = start("three_nodes"), tmp_path / "own.pcap"
    tap = listen(cluster.name, "worker1", "worker1-eth0", "--write", str(file), "--count", "60")
    try:
        run(cluster, "client", "ping -c 3 -i 0.2 10.7.0.2")
        tap.send_signal(signal.SIGINT)
        out, said = tap.communicate(timeout=10)
    finally:
        tap.kill()
    assert tap.returncode == 0, said
    assert out.count("10.7.0.100 > 10.7.0.2 ICMP echo request") == 3
    assert out.count("10.7.0.2 > 10.7.0.100 ICMP echo reply") == 3
    assert " in  10.7.0.100 >" in out and " out 10.7.0.2 >" in out
    read = subprocess.run(["tcpdump", "-nr", str(file)], capture_output=True, text=True, check=True).stdout
    assert (read.count("ICMP echo request"), len(read.splitlines())) == (3, len(out.splitlines()))
    assert said.strip() == f"{len(out.splitlines())} packets."


def test_a_wrong_interface_names_those_there_are_and_a_wrong_file_is_said(start: Start) -> None:
    name = start("three_nodes").name
    wrong = lab("tap", "worker1", "eth9", "--name", name)
    assert (wrong.returncode, "lo, worker1-eth0" in wrong.stderr) == (2, True)
    assert lab("tap", "worker1", "--write", "/nonexistent/x", "--name", name).returncode == 2
    assert "there are: manager1" in lab("tap", "nobody", "--name", name).stderr


def listen(name: str, *words: str) -> subprocess.Popen[str]:
    """A tap that listens by now."""
    argv = [sys.executable, "-m", "labs.kit.cli", "tap", *words, "--name", name]
    tap = subprocess.Popen(argv, cwd=PROJECT, env={**os.environ, "LAB_LANG": "en"}, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True)
    assert tap.stderr is not None and "Listening" in tap.stderr.readline()
    return tap
