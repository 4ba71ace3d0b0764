"""A node's own images over the shared ones: what a node does to them is seen there and nowhere else."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from images.layout import LayoutWriter
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import InvalidArgument, NotFound
from swarmkit_py.runtime import puller
from swarmkit_py.runtime.images import ImageConfig, LayoutImageStore
from swarmkit_py.runtime.layers import measure_tree
from swarmkit_py.runtime.node_images import NodeImages

SHARED = ("docker.io/library/nginx:1.18", "docker.io/library/nginx:1.19")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    root = tmp_path / "shared"
    writer = LayoutWriter(root)
    layer = root / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "etc" / "issue").write_text("the kit")
    (layer / "etc" / "motd").symlink_to("issue")
    made = writer.add_layer(layer)
    for tag in SHARED:
        config = ImageConfig(config={"Cmd": [tag]}, rootfs={"type": "layers", "diff_ids": [made.digest]})
        writer.add_image(tag, config, [made])
    writer.publish()
    return root


@pytest.fixture
def node(shared: Path, tmp_path: Path) -> NodeImages:
    return NodeImages(shared, tmp_path / "node", ManualClock())


def tags(images: NodeImages) -> list[str]:
    return sorted(tag for image in images.all() for tag in image.tags)


def foreign_archive(path: Path, *, diff_id: str = "", name: str = "../x") -> str:
    """An archive with one layer that wants out of its directory; the image's tag."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for file, text in ((name, b"out"), ("bin/hello", b"in")):
            info = tarfile.TarInfo(file)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    import hashlib
    digest = diff_id or "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/bin/hello"]},
                         "rootfs": {"type": "layers", "diff_ids": [digest]}}).encode()
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["hello:1"], "Layers": ["l.tar"]}]).encode()
    with tarfile.open(path, "w") as tar:
        for file, data in (("c.json", config), ("l.tar", layer.getvalue()), ("manifest.json", manifest)):
            info = tarfile.TarInfo(file)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return "hello:1"


async def test_a_tag_is_this_nodes_alone_and_outlives_the_daemon(
    node: NodeImages, shared: Path, tmp_path: Path,
) -> None:
    before = LayoutImageStore(shared).all()
    node.tag("nginx:1.18", "my/web:2")
    assert node.resolve("my/web:2").id == node.resolve("nginx:1.18").id
    assert "my/web:2" not in tags(NodeImages(shared, tmp_path / "other", ManualClock()))
    assert "my/web:2" in tags(NodeImages(shared, tmp_path / "node", ManualClock()))
    assert LayoutImageStore(shared).all() == before
    assert node.resolve("my/web:2").digests == node.resolve("nginx:1.18").digests


async def test_a_removed_image_is_gone_here_only_and_comes_back_with_a_pull(
    node: NodeImages, shared: Path, tmp_path: Path,
) -> None:
    image = node.resolve("nginx:1.18")
    node.delete(image.id, set())
    with pytest.raises(NotFound, match="No such image: nginx:1.18"):
        node.resolve("nginx:1.18")
    again = NodeImages(shared, tmp_path / "node", ManualClock())
    assert tags(again) == ["nginx:1.19"]
    assert (await again.pull("nginx:1.18")).new and again.resolve("nginx:1.18").id == image.id
    assert not (await again.pull("nginx:1.18")).new
    assert (await again.pull(f"nginx@{image.digest}")).image.id == image.id
    again.delete(image.id, set())
    assert (await again.pull(f"nginx:1.18@{image.digest}")).new and "nginx:1.18" in tags(again), "as services name it"


async def test_a_tag_can_be_moved_and_the_image_that_loses_its_last_one_is_kept_nameless(node: NodeImages) -> None:
    old, new = node.resolve("nginx:1.18"), node.resolve("nginx:1.19")
    node.tag(new.id, "nginx:1.18")
    assert node.resolve("nginx:1.18").id == new.id
    assert node.resolve(old.id).tags == []
    assert (await node.pull("nginx:1.18")).image.id == old.id
    assert node.resolve(new.id).tags == ["nginx:1.19"]


async def test_an_image_keeps_its_id_through_an_archive(node: NodeImages, shared: Path, tmp_path: Path) -> None:
    image = node.resolve("nginx:1.18")
    await node.save(["nginx:1.18", "nginx:1.19"], tmp_path / "a.tar")
    empty = NodeImages(tmp_path / "nothing", tmp_path / "far", ManualClock())
    assert await empty.load(tmp_path / "a.tar") == ["nginx:1.18", "nginx:1.19"]
    loaded = empty.resolve("nginx:1.18")
    assert loaded.id == image.id and loaded.config == image.config and loaded.diff_ids == image.diff_ids
    assert (Path(loaded.rootfs) / "etc" / "motd").read_text() == "the kit"
    assert loaded.digests == []
    await empty.save(["nginx:1.18"], tmp_path / "b.tar")
    node.delete(image.id, set())
    assert await node.load(tmp_path / "b.tar") == ["nginx:1.18"]
    assert node.resolve("nginx:1.18").rootfs == image.rootfs, "a layer the kit has is not unpacked again"


async def test_files_of_a_removed_image_go_unless_something_uses_them(node: NodeImages, tmp_path: Path) -> None:
    name = foreign_archive(tmp_path / "x.tar", name="etc/x")
    await node.load(tmp_path / "x.tar")
    image = node.resolve(name)
    assert (Path(image.rootfs) / "bin" / "hello").read_text() == "in"
    node.delete(image.id, {image.id})
    assert Path(image.rootfs).exists()
    await node.load(tmp_path / "x.tar")
    assert node.delete(image.id, set()) > 0
    assert not Path(image.rootfs).exists() and list((tmp_path / "node" / "blobs" / "sha256").iterdir()) == []


async def test_a_layer_cannot_leave_its_directory(node: NodeImages, tmp_path: Path) -> None:
    foreign_archive(tmp_path / "x.tar", name="../../../../escaped")
    await node.load(tmp_path / "x.tar")
    inside = Path(node.resolve("hello:1").rootfs) / "escaped"
    assert inside.exists() and list(tmp_path.rglob("escaped")) == [inside]
    assert not (tmp_path.parent / "escaped").exists()


async def test_what_is_no_archive_is_refused_and_leaves_nothing(node: NodeImages, tmp_path: Path) -> None:
    before = node.all()
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InvalidArgument, match="no archive that docker save wrote"):
        await node.load(tmp_path / "text")
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("etc/x"))
    with pytest.raises(InvalidArgument, match="no manifest.json"):
        await node.load(tmp_path / "root.tar")
    foreign_archive(tmp_path / "bad.tar", diff_id="sha256:" + "0" * 64)
    with pytest.raises(InvalidArgument, match="invalid diffID for layer 0"):
        await node.load(tmp_path / "bad.tar")
    assert node.all() == before and list((tmp_path / "node" / "tmp").iterdir()) == []


async def test_import_makes_an_image_of_a_tar_file(node: NodeImages, tmp_path: Path) -> None:
    (tmp_path / "root" / "bin").mkdir(parents=True)
    (tmp_path / "root" / "bin" / "sh").write_text("sh")
    with tarfile.open(tmp_path / "root.tar", "w") as tar:
        tar.add(tmp_path / "root", arcname=".")
    image = await node.import_root(tmp_path / "root.tar", "mine:1", {"Cmd": ["sh"]}, "a comment")
    assert node.resolve("mine:1").id == image.id and (Path(image.rootfs) / "bin" / "sh").exists()
    assert image.history[0]["comment"] == "a comment"


async def test_a_host_without_a_way_out_says_so_at_once(node: NodeImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(puller, "ROUTES", Path("/dev/null"))
    with pytest.raises(puller.Offline, match="no default route"):
        await node.pull("debian:12")


def test_a_default_route_is_a_way_out() -> None:
    head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    assert not puller.has_way_out(head + "eth0\t0000070A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
    assert puller.has_way_out(head + "eth0\t00000000\t0100070A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")


def test_the_digest_of_a_tree_does_not_hang_on_times_or_places(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name / "d").mkdir(parents=True)
        (tmp_path / name / "d" / "x").write_text("1234")
        (tmp_path / name / "y").hardlink_to(tmp_path / name / "d" / "x")
    assert measure_tree(tmp_path / "a") == measure_tree(tmp_path / "b")
    assert measure_tree(tmp_path / "a")[1] == 4
    (tmp_path / "b" / "d" / "x").chmod(0o755)
    assert measure_tree(tmp_path / "a")[0] != measure_tree(tmp_path / "b")[0]
