"""Whose process is whose, by pid namespaces."""

from __future__ import annotations

import os

from topologies.evidence_processes import Host, Seen, containers_of, inode_of, owners_of


def test_a_host_that_is_off_does_not_change_how_the_others_count() -> None:
    pid = os.getpid()
    own = Seen(pid, 0, [pid, 7], inode_of(f"/proc/{pid}/ns/pid"), 1, 1, "bash", [], "")
    assert owners_of([Host("worker1", pid)], {pid: own}) == {pid: ("worker1", 7)}
    assert owners_of([Host("worker1", pid), Host("worker2", 0)], {pid: own}) == {pid: ("worker1", 7)}


def test_a_process_is_of_the_container_whose_keeper_is_its_nearest_ancestor() -> None:
    def seen(pid: int, ppid: int, comm: str, *cmdline: str) -> Seen:
        return Seen(pid, ppid, [pid], 1, 1, 1, comm, list(cmdline), "")

    every = [seen(1, 0, "bash"), seen(2, 1, "conmon", "conmon", "-c", "aa", "-n", "a"), seen(3, 2, "nginx"),
             seen(4, 3, "nginx"), seen(5, 1, "conmon", "conmon", "-c", "bb", "-e"), seen(6, 5, "sh"),
             seen(7, 1, "sh"), seen(8, 9, "loop"), seen(9, 8, "loop"),
             seen(10, 1, "conmon", "conmon", "-c"), seen(11, 10, "sh")]
    assert containers_of({one.pid: one for one in every}) == {3: "aa", 4: "aa", 6: "bb"}
