"""Limits, cgroups and the profile of system calls: what is asked, what is possible, what runc is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmkit_py import errors
from swarmkit_py.model.container import Limits, LimitSupport, LogConfig, Ulimit
from swarmkit_py.runtime import cgroups, rotate
from swarmkit_py.runtime.bundle import IdMap, ProcessSpec, process_json, resources
from swarmkit_py.runtime.launcher import log_options, possible
from swarmkit_py.runtime.program import User, find_user
from swarmkit_py.runtime.seccomp import profile

ALL = LimitSupport(memory=True, swap=True, cpu=True, cpuset=True, pids=True, freezer=True)
ASKED = Limits(memory=100, nano_cpus=500_000_000, pids=7)
V1 = """\
47 46 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
48 47 0:29 /.. {root}/cpu rw,relatime - cgroup cgroup rw,cpu
49 47 0:30 /.. {root}/memory rw,relatime - cgroup cgroup rw,memory
50 47 0:31 /.. {root}/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
51 47 0:32 /.. {root}/pids ro,relatime - cgroup cgroup rw,pids
52 47 0:33 /.. {root}/unified rw,relatime - cgroup2 cgroup2 rw
"""
V2 = "30 29 0:26 / {root} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def test_resources_as_runc_wants_them() -> None:
    assert resources(Limits()) == {}
    assert resources(possible(ASKED, ALL)) == {
        "memory": {"limit": 100, "swap": 200}, "cpu": {"quota": 50_000, "period": 100_000}, "pids": {"limit": 7}}


def test_what_the_machine_cannot_limit_is_left_out() -> None:
    assert possible(ASKED, LimitSupport()) == Limits()
    assert resources(possible(ASKED, LimitSupport(memory=True, pids=True))) == {
        "memory": {"limit": 100}, "pids": {"limit": 7}}


def test_no_parent_no_cgroups(tmp_path: Path) -> None:
    none = cgroups.find("", V1.format(root=tmp_path))
    assert (none.there, none.path("c"), none.support(), none.usage("c")) == (False, "", LimitSupport(), None)
    assert not none.oom_killed("c")
    none.remove("c")


def test_version_1(tmp_path: Path) -> None:
    found = cgroups.find("/hosts/m", V1.format(root=tmp_path))
    own = tmp_path / "memory/hosts/m/c"
    own.mkdir(parents=True)
    assert found.path("c") == "/hosts/m/c"
    assert found.support() == LimitSupport(memory=True, cpu=True)
    (own / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n")
    assert not found.oom_killed("c")
    (own / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n")
    assert found.oom_killed("c")
    (own / "memory.usage_in_bytes").write_text("4096\n")
    (own / "cgroup.procs").write_text("7\n8\n")
    usage = found.usage("c")
    assert usage is not None and (usage.memory, usage.pids) == (4096, 0)
    assert found.pids("c") == [7, 8]


def test_version_2(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    found = cgroups.find("/docker", V2.format(root=tmp_path))
    own = tmp_path / "docker/c"
    own.mkdir(parents=True)
    assert found.unified and found.support() == ALL
    (own / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    (own / "memory.current").write_text("10\n")
    (own / "memory.max").write_text("max\n")
    (own / "cpu.stat").write_text("usage_usec 3\nuser_usec 2\nsystem_usec 1\n")
    usage = found.usage("c")
    assert found.oom_killed("c") and usage is not None
    assert (usage.memory, usage.memory_limit, usage.cpu_total, usage.cpu_system) == (10, 0, 3000, 1000)


def test_only_the_container_s_own_directories_are_removed(tmp_path: Path) -> None:
    found = cgroups.find("/p", V1.format(root=tmp_path))
    for place in ("cpu/p/c/inner", "memory/p/c", "cpu/p/other"):
        (tmp_path / place).mkdir(parents=True)
    found.remove("c")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/p/*")) == ["cpu/p/other"]


def test_ulimits() -> None:
    spec = ProcessSpec(args=["x"], env=[], ulimits=(Ulimit(name="nofile", soft=5, hard=-1),))
    assert process_json(spec, IdMap())["rlimits"] == [{"type": "RLIMIT_NOFILE", "soft": 5, "hard": 2**64 - 1}]


def test_more_groups() -> None:
    group = "root:x:0:\naudio:x:29:\n"
    assert find_user("", "root:x:0:0::/:/bin/sh\n", group, ["audio", "33"]) == User(0, 0, (29, 33))
    with pytest.raises(errors.InvalidArgument, match="Unable to find group nope"):
        find_user("", "", group, ["nope"])


def test_calls_come_back_with_their_capability() -> None:
    def denied(capabilities: list[str]) -> set[str]:
        return {name for rule in profile(capabilities)["syscalls"] for name in rule["names"]}

    assert {"mount", "unshare", "clone3", "reboot", "keyctl", "bpf"} <= denied(["CAP_CHOWN"])
    assert "reboot" not in denied(["CAP_SYS_BOOT"])
    assert denied(["CAP_SYS_ADMIN"]) & {"mount", "clone", "clone3", "bpf"} == set()


@pytest.mark.parametrize(("text", "size"), [
    ("10m", 10 * 1024**2), ("1.5k", 1536), ("512", 512), ("2GB", 2 * 1024**3), ("", 0), ("x", 0),
])
def test_sizes(text: str, size: int) -> None:
    assert rotate.size_bytes(text) == size


def test_where_conmon_writes(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert log_options(LogConfig(driver="none"), log) == ["-l", "none"]
    assert log_options(LogConfig(options={"max-size": "1k"}), log)[-2:] == ["--log-size-max", "10240"]


def test_files_move_up_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    for number in range(4):
        log.write_text(str(number))
        rotate.shift(log, 3)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"x.log.1": "3", "x.log.2": "2"}
    log.write_text("4")
    rotate.shift(log, 1)
    assert not log.exists()
