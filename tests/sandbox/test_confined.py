"""Confinement as such: what root on an emulated host can see, write and undo. Somebody's hand-in is that root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from labs.kit.events import EVENTS_FILE, note
from tests.sandbox.conftest import STAND_IN, fresh_name
from tests.waiting import wait_for
from topologies import clusters
from topologies.cluster import PROJECT, Cluster

pytestmark = [pytest.mark.kernel, pytest.mark.timeout(120)]
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the project that everybody may read, as far as file modes go: other students' hand-ins."""
    place = PROJECT / ".kit" / f"inbox-{os.getpid()}"
    place.mkdir(parents=True)
    (place / "neighbour.sh").write_text("the neighbour's answer\n")
    return place


@pytest.fixture(scope="module")
def cluster(inbox: Path) -> Iterator[Cluster]:
    bounds = clusters.Bounds(processes=300, disk=64 * MIB, covers=(str(inbox),), system_only=True)
    started = clusters.start("one_node", fresh_name(), daemon=STAND_IN, lifeline=True, bounds=bounds)
    try:
        yield started
    finally:
        started.stop()
        (inbox / "neighbour.sh").unlink()
        inbox.rmdir()


def said(cluster: Cluster, script: str, host: str = "manager1") -> str:
    """What one line of shell prints on a host, errors and all."""
    done = subprocess.run(cluster.enter_argv(host, ["sh", "-c", script]), capture_output=True, text=True, timeout=60,
                          check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("place", ["/", str(PROJECT), "/usr", "/etc"])
def test_read_only_stays_so(cluster: Cluster, place: str) -> None:
    """Not by remounting, not through a second mount of the same, not from a namespace of one's own."""
    trace = f"trace-{cluster.name}"
    said(cluster, f"mount -o remount,rw {place}; mount -o remount,bind,rw {place}; touch {place}/{trace}")
    said(cluster, f"mkdir -p /tmp/m; mount --rbind {place} /tmp/m && mount -o remount,bind,rw /tmp/m; "
                  f"touch /tmp/m/{trace}; umount -l /tmp/m")
    said(cluster, f"unshare -m sh -c 'mount -o remount,bind,rw {place}; touch {place}/{trace}'")
    said(cluster, f"unshare -Urm sh -c 'mount -o remount,bind,rw {place}; touch {place}/{trace}'")
    assert not (Path(place) / trace).exists()


def test_covers_cannot_be_taken_away(cluster: Cluster, tmp_path: Path) -> None:
    """The machine's /tmp, /run and homes, below what the sandbox has in their place."""
    tmp_path.chmod(0o755)
    (tmp_path / "precious").write_text("precious text\n")
    assert "precious text" not in said(
        cluster, f"for i in 1 2 3 4; do umount -l /tmp; umount -l /run; umount -l /root; umount -l /srv; done; "
                 f"cat {tmp_path}/precious; ls {tmp_path}")
    assert "precious text" not in said(cluster, f"unshare -m sh -c 'umount -lR /tmp; cat {tmp_path}/precious'")


def test_solutions_and_other_students_files_cannot_be_read(cluster: Cluster, inbox: Path) -> None:
    solution = PROJECT / "labs" / "03-scaling" / "solution.sh"
    assert "docker service" in solution.read_text() and "neighbour" in (inbox / "neighbour.sh").read_text()
    script = f"cat {solution} {PROJECT}/labs/03-scaling/wrong/*.sh {inbox}/*; ls {inbox} {PROJECT}/.git"
    undo = f"umount -l {solution}; umount -l {solution.parent}/wrong; umount -l {inbox}; umount -l {PROJECT}; "
    for before in ("", undo):
        found = said(cluster, before + script)
        assert "docker service" not in found and "the neighbour's answer" not in found and "HEAD" not in found
    assert "title" in said(cluster, f"cat {PROJECT}/labs/03-scaling/lab.en.toml"), "what `lab load` needs is there"


def test_what_the_grader_writes_down_cannot_be_reached(cluster: Cluster) -> None:
    """Nor its control socket used: the run's directory shows below a host's own /run."""
    note(cluster.outside, "mark-of-the-grader")
    script = (f"umount -l /run/swarmlab; umount -l /run; ls /run/swarmlab; cat /run/swarmlab/outside/{EVENTS_FILE}; "
              f"umount -l /run/swarmlab/outside; echo forged >/run/swarmlab/outside/{EVENTS_FILE}; "
              "mv /run/swarmlab/outside /run/swarmlab/x; rm -rf /run/swarmlab/outside")
    assert "mark-of-the-grader" not in said(cluster, f"unshare -m sh -c '{script}'")
    assert "mark-of-the-grader" in (cluster.outside / EVENTS_FILE).read_text()
    assert "forged" not in (cluster.outside / EVENTS_FILE).read_text()
    ask = ("import socket\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(5)\n"
           "s.connect('/run/swarmlab/control.sock')\ns.sendall(b'{\"method\": \"stop\"}\\n')\nprint(s.recv(99))")
    script = 'umount -l /run/swarmlab; umount -l /run; /usr/bin/python3 -c "$0"'
    said(cluster, f"unshare -m sh -c {quoted(script)} {quoted(ask)}")
    assert cluster.call("status")["manager1"]["running"]


def test_nothing_is_seen_but_the_system_and_the_kit(cluster: Cluster) -> None:
    """A second copy of the kit somewhere else would have the solutions, too."""
    first = Path(PROJECT.parts[1])
    seen = said(cluster, f"for i in 1 2 3; do umount -l /{first}; umount -l /home; done; ls /home /mnt /media; "
                         f"cd /{first} && find . -maxdepth 3")
    own = str(PROJECT.relative_to(f"/{first}"))
    assert not [name for name in seen.split() if name.endswith(("solution.sh", ".git")) and own not in name]
    outer = [path.name for path in Path("/home").iterdir()]
    assert not set(outer) - set(PROJECT.parts) & set(seen.split())


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def test_no_process_of_the_machine_is_in_sight(cluster: Cluster) -> None:
    with subprocess.Popen(["sleep", "98765"]) as outside:
        try:
            seen = said(cluster, "for i in 1 2 3; do umount -l /proc; done; cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        finally:
            outside.kill()
    assert "98765" not in seen and "bash" in seen
    assert "uid=0" not in said(cluster, "nsenter -t 1 -m -p -U id")


def test_no_device_and_no_switch_of_the_kernel(cluster: Cluster) -> None:
    assert "Operation not permitted" in said(cluster, "mknod /tmp/sda b 8 0")
    before = Path("/proc/sys/kernel/panic").read_text()
    said(cluster, "echo 9 >/proc/sys/kernel/panic; echo b >/proc/sysrq-trigger; echo 1 >/proc/sys/vm/drop_caches")
    assert Path("/proc/sys/kernel/panic").read_text() == before
    assert "cannot create" in said(cluster, "true >/dev/mem")
    assert "cannot open" in said(cluster, "true </dev/mem")


def test_no_way_out_of_the_network(cluster: Cluster) -> None:
    assert said(cluster, "ip -o route show default") == ""
    outside = said(cluster, "ip -o link").count("\n")
    assert 0 < outside < 10 and said(cluster, "nft list ruleset 2>/dev/null | grep -c table") is not None


def test_a_fork_bomb_has_a_bound_without_cgroups(cluster: Cluster) -> None:
    script = "i=0; while [ $i -lt 1000 ]; do sleep 60 & i=$((i+1)); done 2>/dev/null; true"
    subprocess.Popen(cluster.enter_argv("client", ["sh", "-c", script]), stdout=subprocess.DEVNULL,
                     stderr=subprocess.DEVNULL)
    wait_for(lambda: cluster.usage().processes > 150, "the processes are there", within=30)
    assert said(cluster, "ulimit -u 5000; ulimit -u").strip().splitlines()[-1] != "5000"
    assert cluster.usage().processes <= 320
    said(cluster, "kill -9 -1", "client")
    wait_for(lambda: cluster.usage().processes < 100, "they are gone", within=30)


def test_disks_are_small_and_what_lies_on_them_is_counted(cluster: Cluster) -> None:
    before = cluster.usage().files
    assert "No space left" in said(cluster, "dd if=/dev/zero of=/srv/filler bs=1M count=200")
    wait_for(lambda: cluster.usage().files > before + 40 * MIB, "what fills the disk is counted", within=10)
    said(cluster, "rm /srv/filler")
    said(cluster, "mkdir /tmp/own; mount -t tmpfs -o size=1G tmpfs /tmp/own")
    said(cluster, "dd if=/dev/zero of=/tmp/own/x bs=1M count=80")
    assert cluster.usage().files > before + 70 * MIB, "on a file system that the student mounted, too"
    said(cluster, "umount -l /tmp/own")
