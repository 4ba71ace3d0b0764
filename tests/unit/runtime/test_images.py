"""A store as the builder writes it, read back; and what the builder refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from images.layout import LayoutWriter
from images.packages import BuildError, Package, parse_uris, without
from images.unpack import place
from swarmkit_py.errors import Internal, NotFound
from swarmkit_py.runtime.images import ImageConfig, LayoutImageStore


def write_store(root: Path, *, content: str = "one", tags: tuple[str, ...] = ("docker.io/library/web:1",)) -> None:
    writer = LayoutWriter(root)
    layer = root / "layer"
    (layer / "etc").mkdir(parents=True)
    (layer / "etc/issue").write_text(content)
    descriptor = writer.add_layer(layer)
    for tag in tags:
        writer.add_image(tag, ImageConfig(config={"Cmd": ["x"], "Labels": {"a": tag}}), [descriptor])
    writer.publish()


def test_found_by_tag_digest_and_id(tmp_path: Path) -> None:
    write_store(tmp_path)
    store = LayoutImageStore(tmp_path)
    [image] = store.all()
    assert image.tags == ["web:1"] and image.config["Cmd"] == ["x"] and image.size == 3
    assert (Path(image.rootfs) / "etc/issue").read_text() == "one"
    digest = f"web:1@{image.digest}"
    for ref in ("web:1", "docker.io/library/web:1", digest, image.id, image.id[7:], image.id[7:19]):
        assert store.resolve(ref).id == image.id, ref


@pytest.mark.parametrize(("ref", "said"), [
    ("web", "No such image: web:latest"),
    ("x:tag", "No such image: x:tag"),
    ("web:1@sha256:" + "0" * 64, "No such image: web:1@sha256:0000"),
    ("other:1@{digest}", "No such image: other:1@sha256:"),
    ("0" * 12, "No such image: 000000000000:latest"),
])
def test_not_found(tmp_path: Path, ref: str, said: str) -> None:
    write_store(tmp_path)
    store = LayoutImageStore(tmp_path)
    with pytest.raises(NotFound, match=f"^{said}"):
        store.resolve(ref.format(digest=store.all()[0].digest))


def test_two_tags_of_one_image(tmp_path: Path) -> None:
    writer = LayoutWriter(tmp_path)
    config = ImageConfig(config={"Cmd": ["x"]})
    first, second = (writer.add_image(f"docker.io/library/{name}:1", config, []) for name in "ab")
    assert first == second
    writer.publish()
    assert [image.tags for image in LayoutImageStore(tmp_path).all()] == [["a:1", "b:1"]]


def test_a_store_that_changes_is_read_again(tmp_path: Path) -> None:
    store = LayoutImageStore(tmp_path)
    assert store.all() == []
    write_store(tmp_path)
    first = store.resolve("web:1")
    write_store(tmp_path, content="two")
    assert store.resolve("web:1").rootfs != first.rootfs
    assert Path(first.rootfs).is_dir(), "containers may still stand on it"


def test_the_same_tree_is_kept_once(tmp_path: Path) -> None:
    write_store(tmp_path)
    before = LayoutImageStore(tmp_path).resolve("web:1")
    (tmp_path / "layer").mkdir(exist_ok=True)
    writer = LayoutWriter(tmp_path)
    (tmp_path / "layer/etc").mkdir()
    (tmp_path / "layer/etc/issue").write_text("one")
    writer.add_layer(tmp_path / "layer")
    assert [str(path) for path in (tmp_path / "rootfs").iterdir()] == [before.rootfs]


def test_colons_in_the_path_of_a_store(tmp_path: Path) -> None:
    write_store(tmp_path / "a:b")
    assert "a\\:b" in LayoutImageStore(tmp_path / "a:b").resolve("web:1").rootfs


def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    write_store(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(Internal, match="build the images again"):
        LayoutImageStore(tmp_path).all()


def test_packages_that_apt_names() -> None:
    digest = "12" * 32
    text = f"Reading lists\n'http://x/pool/a_1%3a2-3_all.deb' a_1%3a2-3_all.deb 77 SHA256:{digest}\n"
    [package] = parse_uris(text)
    assert (package.name, package.version, package.sha256) == ("a", "1:2-3", digest)
    with pytest.raises(BuildError, match="could not be verified"):
        parse_uris("'http://x/a_1_all.deb' a_1_all.deb 77 \n")


def test_packages_for_maintainer_scripts_are_left_out() -> None:
    packages = [Package("perl-base_5_amd64.deb", ""), Package("bash_5_amd64.deb", "")]
    assert [package.name for package in without(packages, ("perl",))] == ["bash"]


@pytest.mark.parametrize(("packaged", "target"), [
    ("./bin/sh", "usr/bin/sh"),
    ("./lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
    ("./usr/share/doc/bash/copyright", None),
    ("./usr/lib/x86_64-linux-gnu/gconv/ISO8859-1.so", None),
    ("./usr/share/document", "usr/share/document"),
    ("./", None),
    ("./a/../../etc/passwd", None),
    ("/etc/passwd", "etc/passwd"),
])
def test_where_a_packaged_file_goes(packaged: str, target: str | None) -> None:
    assert place(packaged) == target
