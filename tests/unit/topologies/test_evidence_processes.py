"""Whose process is whose, by pid namespaces."""

from __future__ import annotations

import os

from topologies.evidence_processes import Host, Seen, inode_of, owners_of


def test_a_host_that_is_off_does_not_change_how_the_others_count() -> None:
    pid = os.getpid()
    own = Seen(pid, 0, [pid, 7], inode_of(f"/proc/{pid}/ns/pid"), 1, 1, "bash", [], "")
    assert owners_of([Host("worker1", pid)], {pid: own}) == {pid: ("worker1", 7)}
    assert owners_of([Host("worker1", pid), Host("worker2", 0)], {pid: own}) == {pid: ("worker1", 7)}
