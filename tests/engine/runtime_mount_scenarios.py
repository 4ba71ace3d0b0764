"""What the real engine does with secrets, volumes and mounts. Collected by test_runtime_engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmkit_py import errors
from swarmkit_py.model.mounts import Mount
from swarmkit_py.runtime.base_mounts import ContainerFile
from tests.engine.runtime_scenarios import images, world
from tests.engine.runtime_world import World
from tests.waiting import until

__all__ = ["images", "world"]


async def test_secrets_are_in_memory_and_go_with_the_container(world: World) -> None:
    file = ContainerFile(path="/run/secrets/pw", data=b"hunter2", mode=0o440)
    script = "cat /run/secrets/pw; ls -l /run/secrets; echo x > /run/secrets/pw; sleep 60"
    made = await world.create(script, files=[file])
    await world.new_engine()
    started = await world.engine.start(made.id)
    assert started.config.files == [ContainerFile(path="/run/secrets/pw", mode=0o440)]
    await until(lambda: b"Read-only" in world.log(made.id), what="the script came that far")
    text = world.log(made.id)
    assert b"hunter2" in text and b"r--r-----" in text
    on_disk = [path for name in ("data", "exec") for path in (world.root / name).rglob("*")
               if path.is_file() and "/files/" not in str(path) and path != Path(started.log_path)
               and "merged" not in str(path) and b"hunter2" in path.read_bytes()]
    assert on_disk == []
    await world.engine.kill(made.id)
    await world.engine.wait(made.id)
    assert list((world.root / "exec" / "files").iterdir()) == []
    with pytest.raises(errors.Conflict, match="went when it ended"):
        await world.engine.start(made.id)


async def test_an_owner_that_is_not_there(world: World) -> None:
    with pytest.raises(errors.InvalidArgument, match="too few user ids"):
        await world.create(files=[ContainerFile(path="/x", data=b"y", uid=4_000_000_000)])
    assert world.leftovers() == []


async def test_volumes_binds_and_tmpfs(world: World, tmp_path: Path) -> None:
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "f").write_text("from the host\n")
    asked = {
        "binds": [f"{tmp_path}/host:/h:ro", "vol:/etc"], "tmpfs": {"/t": "size=64k"}, "volumes": ["/anon"],
        "mounts": [Mount(type="volume", source="vol", target="/deep/er")],
    }
    script = ("cat /h/f; echo x > /h/g; cat /etc/plain; echo more > /deep/er/more; cat /etc/more; "
              "head -c 100000 /dev/zero > /t/big; echo big $?; ls -d /anon")
    text = await world.output(script, **asked)
    assert "from the host" in text and "/h/g: Read-only file system" in text
    assert "not a program" in text and "more" in text and "big 1" in text and "/anon" in text
    [made] = world.engine.all()
    names = [point.name for point in made.mounts if point.type == "volume"]
    assert len(names) == 3 and {"vol"} < set(names)
    await world.engine.remove(made.id, volumes=True)
    assert [path.name for path in (world.root / "data" / "volumes").iterdir()] == ["vol"]
    assert "more" in await world.output("cat /v/more", binds=["vol:/v"])
