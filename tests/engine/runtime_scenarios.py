"""What the real engine does with real processes. Collected by test_runtime_engine, inside namespaces of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from swarmkit_py import errors
from swarmkit_py.runtime import launcher
from swarmkit_py.runtime.base import ContainerConfig, ExecConfig, LogOptions, SandboxSpec
from swarmkit_py.runtime.bundle import MASKED_PATHS
from swarmkit_py.runtime.images import LayoutImageStore
from tests.engine.runtime_world import World, build_image, collect
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("images")
    build_image(root)
    return root


@pytest.fixture
async def world(tmp_path: Path, images: Path) -> AsyncIterator[World]:
    made = World(tmp_path, images)
    yield made
    await asyncio.gather(*(made.engine.remove(one.id, force=True) for one in made.engine.all()))
    assert made.leftovers() == []
    await made.engine.close()


def cgroups_of(container_id: str) -> list[Path]:
    return [Path(place) / name for place, names, _ in os.walk("/sys/fs/cgroup") for name in names
            if container_id[:12] in name]


async def test_a_life(world: World) -> None:
    events = world.engine.subscribe()
    made = await world.create("echo hello; echo oops >&2; exit 5", name="one")
    assert (made.status, made.path, made.pid) == ("created", "sh", 0)
    running = await world.engine.start("one")
    assert running.running and running.pid > 0 and cgroups_of(made.id) == []
    assert await world.engine.wait("one") == 5
    ended = world.engine.get("one")
    assert (ended.status, ended.exit_code, ended.pid, ended.sandbox) == ("exited", 5, 0, None)
    assert ended.finished_at >= ended.started_at >= ended.created
    lines = {(line.stream, line.data) async for line in world.engine.logs("one", LogOptions())}
    assert lines == {("stdout", b"hello\n"), ("stderr", b"oops\n")}
    await world.engine.remove("one")
    assert [(await anext(events)).action for _ in range(4)] == ["create", "start", "die", "destroy"]
    assert world.leftovers() == [] and cgroups_of(made.id) == []


async def test_what_a_container_sees(world: World) -> None:
    made = await world.create(
        "id -u; hostname; echo $FROM $MINE; readlink /proc/self/ns/net; echo pid $$; ls /sys/class/net; "
        "grep CapEff /proc/self/status; cat /etc/hosts; echo 1 > /proc/sys/kernel/domainname; "
        "ls -d /sys/fs/cgroup/*",
        env=["MINE=too"], extra_hosts=["db:10.9.9.9"])
    started = await world.engine.start(made.id)
    assert started.sandbox is not None
    namespace = Path(started.sandbox.path).stat().st_ino
    await world.engine.wait(made.id)
    text = b"".join([line.data async for line in world.engine.logs(made.id, LogOptions())]).decode()
    lines = text.splitlines()
    assert lines[:6] == ["0", made.id[:12], "image too", f"net:[{namespace}]", "pid 1", "lo"]
    assert "CapEff:\t00000000a80425fb" in lines, "Docker's default set"
    assert "10.9.9.9\tdb" in lines and f"172.17.0.9\t{made.id[:12]}" in lines
    assert "/proc/sys/kernel/domainname: Read-only file system" in text
    assert "'/sys/fs/cgroup/*': No such file or directory" in text


async def test_masked_paths(world: World) -> None:
    there = [path for path in MASKED_PATHS if Path(path).exists()]
    assert there, "this kernel has one at least"
    look = "for path in " + " ".join(there) + "; do cat $path 2>/dev/null | head -c 9; ls -A $path; done"
    text = await world.output(look)
    assert set(text.split()) <= set(there), "files are empty and directories have no entries"


async def test_its_files_are_its_own(world: World) -> None:
    first = await world.run("echo mine > /etc/plain; exec sleep 60")
    assert await world.output("cat /etc/plain") == "not a program"
    await world.engine.kill(first.id)
    await world.engine.wait(first.id)
    assert "Read-only" in await world.output("echo x > /etc/plain", read_only=True)


async def test_what_it_wrote_outlives_a_restart(world: World) -> None:
    made = await world.run("cat /note; echo remembered > /note")
    await world.engine.wait(made.id)
    await world.engine.start(made.id)
    await world.engine.wait(made.id)
    lines = [line.data async for line in world.engine.logs(made.id, LogOptions(stderr=False))]
    assert lines == [b"remembered\n"]


async def test_signals_and_exit_codes(world: World) -> None:
    polite = await world.run("trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done", stop_grace=20.0)
    await until(lambda: Path(polite.log_path).read_text(), what="the trap is set")
    await world.engine.stop(polite.id)
    assert world.engine.get(polite.id).exit_code == 3
    deaf = await world.run("echo up; exec sleep 60")
    await until(lambda: Path(deaf.log_path).read_text(), what="runc's own process, which would hear us, is over")
    before = time.monotonic()
    await world.engine.stop(deaf.id, grace=0.3)
    assert 0.3 <= time.monotonic() - before < 5 and world.engine.get(deaf.id).exit_code == 137
    with pytest.raises(errors.Conflict, match="is not running"):
        await world.engine.kill(deaf.id)
    await world.engine.stop(deaf.id)


@pytest.mark.parametrize(("args", "code", "said"), [
    (["foo"], 127, 'OCI runtime create failed: .*exec: "foo": executable file not found in \\$PATH: unknown'),
    (["/none"], 127, "no such file or directory"),
    (["/etc/plain"], 126, "permission denied"),
])
async def test_programs_that_cannot_start(world: World, args: list[str], code: int, said: str) -> None:
    made = await world.create(args=args)
    attached = await world.engine.attach(made.id)
    with pytest.raises(errors.InvalidArgument, match=said):
        await world.engine.start(made.id)
    failed = world.engine.get(made.id)
    assert (failed.status, failed.exit_code) == ("created", code) and failed.error
    assert await collect(attached) == {}


async def test_refusals(world: World) -> None:
    made = await world.run(name="web")
    with pytest.raises(errors.NotFound, match="^No such image: x:tag$"):
        await world.create(image="x:tag")
    with pytest.raises(errors.Conflict, match=f'"/web" is already in use by container "{made.id}"'):
        await world.create(name="web")
    with pytest.raises(errors.Conflict, match="cannot remove a running container"):
        await world.engine.remove("web")
    with pytest.raises(errors.InvalidArgument, match="unable to find user bob"):
        await world.run(user="bob")
    with pytest.raises(errors.InvalidArgument, match="unknown capability"):
        await world.create(cap_add=["FLY"])
    assert await world.engine.start("web") == world.engine.get("web"), "starting what runs changes nothing"


async def test_a_network_that_refuses(world: World) -> None:
    made = await world.create()
    world.network.refuse = "port 80 is taken"
    with pytest.raises(errors.Conflict, match="port 80 is taken"):
        await world.engine.start(made.id)
    world.network.refuse = ""
    assert world.engine.get(made.id).status == "created"
    assert (await world.engine.start(made.id)).running


async def test_a_start_whose_caller_gives_up_is_whole(world: World) -> None:
    made = await world.create()
    starting = asyncio.ensure_future(world.engine.start(made.id))
    await until(lambda: (world.root / "exec" / made.id).exists(), what="the start is on its way")
    starting.cancel()
    await until(lambda: world.engine.get(made.id).running, what="it goes on")
    await world.engine.stop(made.id, grace=0)
    assert world.engine.get(made.id).exit_code == 137


async def test_host_network(world: World) -> None:
    text = await world.output("readlink /proc/self/ns/net", sandbox=SandboxSpec(id="", mode="host"))
    assert text.strip() == str(Path("/proc/self/ns/net").readlink())


async def test_attached_from_the_first_byte(world: World) -> None:
    made = await world.create("echo first; cat; echo last >&2; exit 4", open_stdin=True, stdin_once=True)
    attached = await world.engine.attach(made.id)
    waiting = asyncio.ensure_future(world.engine.wait(made.id, "next-exit"))
    await world.engine.start(made.id)
    await attached.write(b"x" * 50_000 + b"\n")
    await attached.close_stdin()
    assert await collect(attached) == {"stdout": b"first\n" + b"x" * 50_000 + b"\n", "stderr": b"last\n"}
    assert await waiting == 4


async def test_letting_go_leaves_it_running(world: World) -> None:
    made = await world.create("while read line; do echo got $line; done", open_stdin=True)
    first = await world.engine.attach(made.id)
    await world.engine.start(made.id)
    await first.write(b"one\n")
    await first.close()
    second = await world.engine.attach(made.id)
    await second.write(b"two\n")
    assert await anext(second.output()) is not None and world.engine.get(made.id).running


async def test_terminal(world: World) -> None:
    made = await world.create("stty size; read line; stty size; echo end", tty=True, open_stdin=True)
    attached = await world.engine.attach(made.id)
    await world.engine.start(made.id)
    await world.engine.resize(made.id, 33, 99)
    await attached.write(b"\n")
    text = (await collect(attached))["stdout"].decode()
    assert text.split("\r\n")[-3:-1] == ["33 99", "end"]
    with pytest.raises(errors.Conflict, match="is not running"):
        await until(lambda: not world.engine.get(made.id).running)
        await world.engine.resize(made.id, 1, 1)


async def test_exec(world: World) -> None:
    made = await world.run(env=["A=1"])
    execution = world.engine.exec_create(made.id, ExecConfig(
        args=["sh", "-c", "echo $A$B; cat >&2; exit 7"], attach_stdin=True, env=["B=2"]))
    attached = await world.engine.exec_start(execution.id)
    assert world.engine.exec_get(execution.id).running
    await attached.write(b"in")
    await attached.close_stdin()
    assert await collect(attached) == {"stdout": b"12\n", "stderr": b"in"}
    assert world.engine.exec_get(execution.id).exit_code == 7, "known as soon as the output ends"
    with pytest.raises(errors.Conflict, match="has already run"):
        await world.engine.exec_start(execution.id)


async def test_exec_in_a_terminal(world: World) -> None:
    made = await world.run()
    execution = world.engine.exec_create(made.id, ExecConfig(
        args=["sh", "-c", "read line; stty size; echo $TERM"], tty=True, attach_stdin=True))
    attached = await world.engine.exec_start(execution.id)
    await world.engine.exec_resize(execution.id, 20, 70)
    await attached.write(b"\n")
    assert (await collect(attached))["stdout"].split(b"\r\n")[-3:] == [b"20 70", b"xterm", b""]
    assert (await world.engine.top(made.id))[0][1] == "sleep 60"


async def test_exec_of_nothing(world: World) -> None:
    made = await world.run()
    execution = world.engine.exec_create(made.id, ExecConfig(args=["foo"]))
    with pytest.raises(errors.InvalidArgument, match='exec: "foo": executable file not found'):
        await world.engine.exec_start(execution.id)
    assert world.engine.exec_get(execution.id).exit_code == 127
    await world.engine.kill(made.id)
    await world.engine.wait(made.id)
    with pytest.raises(errors.Conflict, match="is not running"):
        world.engine.exec_create(made.id, ExecConfig(args=["id"]))


async def test_followed_to_the_end(world: World) -> None:
    made = await world.run("read a; for i in 1 2 3; do echo $i; sleep 0.05; done", open_stdin=True)
    seen: list[bytes] = []

    async def follow() -> None:
        async for line in world.engine.logs(made.id, LogOptions(follow=True)):
            seen.append(line.data)

    following = asyncio.ensure_future(follow())
    await (await world.engine.attach(made.id)).write(b"go\n")
    await asyncio.wait_for(following, 10)
    assert seen == [b"1\n", b"2\n", b"3\n"]


async def test_long_lines_and_a_full_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    long = await world.output("head -c 30000 /dev/zero | cat -v")
    assert long == "^@" * 30000, "a line in pieces, put together without line ends"
    monkeypatch.setattr(launcher, "LOG_LIMIT", 4096)
    made = await world.run("i=0; while [ $i -lt 400 ]; do echo line $i; i=$((i+1)); done")
    await world.engine.wait(made.id)
    assert Path(made.log_path).stat().st_size <= 4096
    lines = [line.data async for line in world.engine.logs(made.id, LogOptions(tail=1))]
    assert lines == [b"line 399\n"]


async def test_restarted_until_stopped(world: World) -> None:
    made = await world.run("exit 1", restart_policy="always")
    await until(lambda: world.engine.get(made.id).restart_count >= 2, 10, what="two restarts")
    await world.engine.stop(made.id)
    count = world.engine.get(made.id).restart_count
    await asyncio.sleep(0.6)  # longer than the next restart would have waited
    assert (world.engine.get(made.id).status, world.engine.get(made.id).restart_count) == ("exited", count)


async def test_restarted_a_number_of_times(world: World) -> None:
    made = await world.run("exit 1", restart_policy="on-failure", restart_max=2)
    await until(lambda: world.engine.get(made.id).status == "exited", 10, what="the last end")
    assert (world.engine.get(made.id).restart_count, world.engine.get(made.id).exit_code) == (2, 1)


async def test_removed_by_itself(world: World) -> None:
    made = await world.create("exit 6", auto_remove=True)
    waiting = asyncio.ensure_future(world.engine.wait(made.id, "removed"))
    await world.engine.start(made.id)
    assert await waiting == 6
    assert world.engine.all() == [] and world.leftovers() == []


async def test_a_shim_that_is_killed(world: World) -> None:
    made = await world.run()
    conmon = int((world.root / "exec" / made.id / "conmon.pid").read_text())
    os.kill(conmon, signal.SIGKILL)
    assert await asyncio.wait_for(world.engine.wait(made.id), 10) == 137
    assert "conmon" in world.engine.get(made.id).error
    assert not Path(f"/proc/{made.pid}/root/etc/plain").exists()
    assert (await world.engine.start(made.id)).running, "it can be started again"


DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.engine.runtime_world import World

async def main():
    world = World(Path(sys.argv[1]), Path(sys.argv[2]))
    await world.run(name="stays")
    await world.run("sleep 0.3; exit 5", name="ends")
    await world.run("sleep 0.3; exit 5", name="again", restart_policy="always")
    await world.create(name="idle")
    print(world.engine.get("stays").pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_found_again_after_the_daemon_was_killed(world: World) -> None:
    command = [sys.executable, "-c", DAEMON, str(world.root), str(world.images)]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert daemon.stdout is not None
    pid = int(daemon.stdout.readline())
    daemon.kill()
    daemon.wait()
    exits = world.root / "exec/exits"
    await until(lambda: len(list(exits.iterdir())) == 2, 10, what="two containers ended without a daemon")
    engine = await world.new_engine()
    assert (engine.get("stays").pid, engine.get("stays").status) == (pid, "running")
    assert (engine.get("ends").status, engine.get("ends").exit_code) == ("exited", 5)
    assert (engine.get("idle").status, engine.get("again").restart_count) == ("created", 0)
    await until(lambda: engine.get("again").running, 10, what="its policy starts it")
    await engine.stop("stays", grace=0)
    assert engine.get("stays").exit_code == 137


async def test_a_full_disk(world: World, tmp_path: Path, images: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    full = World(small, images)
    try:
        with pytest.raises(errors.Internal, match=f"cannot write below {small}.*No space left"):
            for _ in range(20):
                await full.create()
        assert len(list((small / "data/overlay").iterdir())) == len(full.engine.all())
    finally:
        await full.engine.close()
        subprocess.run(["umount", small], check=True)
        small.rmdir()


async def test_many_at_once(world: World) -> None:
    made = await asyncio.gather(*(world.run() for _ in range(12)))
    assert len({one.pid for one in made}) == 12 and all(one.running for one in world.engine.all())
    await asyncio.gather(*(world.engine.stop(one.id, grace=0) for one in made))
    assert {one.exit_code for one in world.engine.all()} == {137}


KIT_IMAGES = ROOT / ".kit" / "images"


def images_are_ours() -> bool:
    return (KIT_IMAGES / "index.json").exists() and KIT_IMAGES.stat().st_uid == 0


@pytest.mark.skipif(not images_are_ours(), reason="the offline images are not built, or not by this user")
async def test_the_nginx_stand_in(tmp_path: Path) -> None:
    world = World(tmp_path, KIT_IMAGES)
    assert [image.tags for image in LayoutImageStore(KIT_IMAGES).all()][0] == ["nginx:1.18"]
    made = await world.engine.create(ContainerConfig(image="nginx:1.18", env=["RATE=10"]))
    started = await world.engine.start(made.id)
    assert started.sandbox is not None
    ask = ["nsenter", f"--net={started.sandbox.path}", "curl", "-si", "http://127.0.0.1/?nonce=n1"]

    def answer() -> str:
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout

    page = await until(answer, what="nginx answers")
    assert "Server: nginx/1.18.0" in page and f"hostname: {made.id[:12]}" in page and "nonce: n1" in page
    codes = [answer().split()[1] for _ in range(12)]
    assert "503" in codes, "more than RATE requests per second"
    logged = b"".join([line.data async for line in world.engine.logs(made.id, LogOptions(stderr=False))])
    assert b'"GET /?nonce=n1 HTTP/1.1" 200' in logged
    await world.engine.stop(made.id)
    assert world.engine.get(made.id).exit_code == 0
    await world.engine.remove(made.id)
    assert world.leftovers() == []
    await world.engine.close()
