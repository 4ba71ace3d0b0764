"""Mounts by Docker's rules and with its texts; volumes as directories; what a container's links lead to."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from swarmkit_py import errors
from swarmkit_py.clock import ManualClock
from swarmkit_py.ids import Ids
from swarmkit_py.model.mounts import BindOptions, DNSConfig, Mount, TmpfsOptions, VolumeOptions
from swarmkit_py.runtime import files
from swarmkit_py.runtime.base import ContainerConfig, Image
from swarmkit_py.runtime.base_mounts import ContainerFile, MountPoint
from swarmkit_py.runtime.mount_points import (
    drop_anonymous,
    fill_volumes,
    inside,
    kept_flags,
    make_mounts,
    oci_mount,
    root_propagation,
)
from swarmkit_py.runtime.mount_specs import wanted_mounts
from swarmkit_py.runtime.secret_files import without_data
from swarmkit_py.runtime.volumes import ANONYMOUS, LocalVolumes

IMAGE = Image(id="sha256:0", config={"Volumes": {"/image": {}, "/data/": {}}})


@pytest.fixture
def volumes(tmp_path: Path) -> LocalVolumes:
    return LocalVolumes(tmp_path / "volumes", ManualClock(), Ids(seed=1))


def points(image: Image = Image(id="sha256:0"), **asked: Any) -> dict[str, MountPoint]:
    wanted = wanted_mounts(ContainerConfig(image="x", **asked), image)
    return {each.point.destination: each.point for each in wanted}


def test_every_way_of_asking() -> None:
    found = points(
        IMAGE, binds=["/host:/b:ro", "vol:/v", "vol2:/w:nocopy,ro"], volumes=["/anon"], tmpfs={"/t": "size=1m,exec"},
        mounts=[Mount(type="volume", source="m", target="/data", read_only=True),
                Mount(type="bind", source="/h/../h2", target="/m/", bind_options=BindOptions(non_recursive=True)),
                Mount(type="tmpfs", target="/u", tmpfs_options=TmpfsOptions(size_bytes=4096, mode=0o700))])
    assert (found["/b"].source, found["/b"].rw, found["/b"].propagation) == ("/host", False, "rprivate")
    assert (found["/v"].name, found["/v"].copy, found["/v"].rw) == ("vol", True, True)
    assert (found["/w"].copy, found["/w"].rw) == (False, False)
    assert found["/anon"].anonymous and found["/image"].anonymous
    assert (found["/data"].name, found["/data"].rw) == ("m", False), "what is asked for wins over the image's volume"
    assert (found["/m"].source, found["/m"].recursive) == ("/h2", False)
    assert found["/t"].options == ["nosuid", "nodev", "size=1m", "exec"]
    assert found["/u"].options == ["nosuid", "nodev", "noexec", "mode=700", "size=4096"]


def test_deep_mounts_come_after_what_they_lie_in() -> None:
    assert list(points(binds=["a1:/x/y/z", "b1:/x", "c1:/x/y"])) == ["/x", "/x/y", "/x/y/z"]


@pytest.mark.parametrize(("asked", "said"), [
    ({"binds": ["/a:/b:bad"]}, "invalid mode: bad"),
    ({"binds": ["/a:/b:ro,rw"]}, "invalid mode: ro,rw"),
    ({"binds": ["/a:/b:c:d"]}, "invalid volume specification: '/a:/b:c:d'"),
    ({"binds": ["/a:ro"]}, "invalid volume specification: '/a:ro'"),
    ({"binds": [":/a"]}, "invalid volume specification: ':/a'"),
    ({"binds": ["/a:/"]}, "destination can't be '/'"),
    ({"binds": ["/a:b"]}, "invalid mount path: 'b' mount path must be absolute"),
    ({"binds": ["a1:/x", "b1:/x"]}, "Duplicate mount point: /x"),
    ({"tmpfs": {"x": ""}}, "invalid mount path: 'x'"),
    ({"tmpfs": {"/x": "foo"}}, 'invalid tmpfs option ["foo"]'),
    ({"mounts": [Mount(type="bind", target="/x")]}, 'type "bind": field Source must not be empty'),
    ({"mounts": [Mount(type="bind", source="a", target="/x")]}, "mount path must be absolute"),
    ({"mounts": [Mount(type="disk", target="/x")]}, 'invalid mount config for type "disk": mount type unknown'),
    ({"mounts": [Mount(type="volume", target="")]}, "field Target must not be empty"),
    ({"mounts": [Mount(type="volume", target="/x", read_only=True)]}, "must not set ReadOnly mode when using anony"),
    ({"mounts": [Mount(type="tmpfs", source="a", target="/x")]}, "field Source must not be specified"),
    ({"mounts": [Mount(type="tmpfs", target="/x", volume_options=VolumeOptions())]},
     "field VolumeOptions must not be specified"),
    ({"mounts": [Mount(type="bind", source="/a", target="/x", bind_options=BindOptions(propagation="up"))]},
     "invalid propagation mode: up"),
])
def test_what_cannot_be(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        points(**asked)
    assert said in caught.value.message


def test_a_missing_bind_source(tmp_path: Path, volumes: LocalVolumes) -> None:
    missing = tmp_path / "a" / "b"
    mount = Mount(type="bind", source=str(missing), target="/x")
    config = ContainerConfig(image="x", mounts=[mount], binds=["before:/y"])
    with pytest.raises(errors.InvalidArgument) as caught:
        make_mounts(wanted_mounts(config, Image(id="")), volumes)
    assert caught.value.message == (
        f'invalid mount config for type "bind": bind source path does not exist: {missing}')
    assert volumes.all() == [], "nothing is made for a container that cannot be"
    make_mounts(wanted_mounts(ContainerConfig(image="x", binds=[f"{missing}:/x"]), Image(id="")), volumes)
    assert missing.is_dir(), "-v makes it"


def test_volumes_are_made_once_and_anonymous_ones_go(volumes: LocalVolumes) -> None:
    config = ContainerConfig(image="x", binds=["named:/x"], volumes=["/y"])
    made = make_mounts(wanted_mounts(config, Image(id="")), volumes)
    assert [point.anonymous for point in made] == [False, True]
    again = make_mounts(wanted_mounts(ContainerConfig(image="x", binds=["named:/x"]), Image(id="")), volumes)
    assert again[0].source == made[0].source
    assert drop_anonymous(made, {made[1].name}, volumes) == [], "another container has it"
    assert drop_anonymous(made, set(), volumes) == [made[1].name]
    assert [volume.name for volume in volumes.all()] == ["named"]


def test_a_volume_s_life(volumes: LocalVolumes) -> None:
    heard: list[tuple[str, str]] = []
    volumes.listen(lambda action, volume: heard.append((action, volume.name)))
    made = volumes.create("v1", labels={"a": "b"})
    assert volumes.create("v1") == made == volumes.get("v1")
    (Path(made.mountpoint) / "f").write_text("12345")
    assert volumes.size("v1") == 5
    nameless = volumes.create()
    assert len(nameless.name) == 64 and ANONYMOUS in nameless.labels
    volumes.remove("v1")
    with pytest.raises(errors.NotFound, match="get v1: no such volume"):
        volumes.remove("v1")
    assert heard == [("create", "v1"), ("create", nameless.name), ("destroy", "v1")]


@pytest.mark.parametrize("name", ["a", "../up", "a/b", ".x", "-x", "a" * 256])
def test_names_that_no_volume_has(volumes: LocalVolumes, name: str) -> None:
    with pytest.raises(errors.InvalidArgument):
        volumes.create(name)
    with pytest.raises(errors.NotFound):
        volumes.get(name)


def test_drivers_and_options(volumes: LocalVolumes) -> None:
    with pytest.raises(errors.NotFound, match='plugin "nfs" not found'):
        volumes.create("v1", driver="nfs")
    with pytest.raises(errors.Unimplemented, match="options of the local volume driver"):
        volumes.create("v1", options={"type": "tmpfs"})
    with pytest.raises(errors.InvalidArgument, match='invalid option: "x"'):
        volumes.create("v1", options={"x": "y"})


def test_an_empty_volume_gets_what_the_image_has(tmp_path: Path, volumes: LocalVolumes) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "real" / "f").write_text("from the image")
    (root / "data").symlink_to("/real")
    full = volumes.create("full")
    (Path(full.mountpoint) / "mine").write_text("x")
    config = ContainerConfig(image="x", binds=["empty:/data", "full:/real", "plain:/real/../data/:nocopy"])
    with pytest.raises(errors.InvalidArgument):
        wanted_mounts(config, Image(id=""))
    made = make_mounts(wanted_mounts(
        ContainerConfig(image="x", binds=["empty:/data", "full:/real", "plain:/real/x:nocopy"]),
        Image(id="")), volumes)
    (root / "real" / "x").mkdir()
    (root / "real" / "x" / "g").write_text("y")
    fill_volumes(made, root)
    content = {volume.name: sorted(p.name for p in Path(volume.mountpoint).iterdir()) for volume in volumes.all()}
    assert content == {"empty": ["f", "x"], "full": ["mine"], "plain": []}


def test_links_of_a_container_stay_in_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "a").mkdir(parents=True)
    (root / "a" / "up").symlink_to("../../../../etc")
    (root / "abs").symlink_to("/etc/passwd")
    (root / "loop").symlink_to("loop")
    assert inside(root, "/a/up/shadow") == root / "etc" / "shadow"
    assert inside(root, "/abs") == root / "etc" / "passwd"
    assert inside(root, "/../../x/./y") == root / "x" / "y"
    with pytest.raises(errors.InvalidArgument, match="too many levels"):
        inside(root, "/loop")


def test_what_runc_is_told() -> None:
    point = MountPoint(type="bind", source="/s", destination="/d", rw=False, propagation="rslave")
    assert oci_mount(point)["options"] == ["rbind", "rslave", "ro"]
    assert oci_mount(MountPoint(type="tmpfs", destination="/t", options=["size=1"]))["type"] == "tmpfs"


def test_a_read_only_mount_repeats_what_its_file_system_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    locked = SimpleNamespace(f_flag=os.ST_NOSUID | os.ST_NODEV | os.ST_RELATIME)
    point = MountPoint(type="bind", source=str(tmp_path), destination="/d", rw=False)
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda path: locked)
        assert oci_mount(point)["options"] == ["rbind", "rprivate", "ro", "nosuid", "nodev", "relatime"]
    assert oci_mount(replace(point, rw=True))["options"] == ["rbind", "rprivate", "rw"]
    assert kept_flags("/nowhere/at/all") == []


def test_propagation_needs_a_mount_that_passes_it_on() -> None:
    info = "1 0 0:1 / / rw - x x rw\n2 1 0:2 / /sh rw shared:5 - x x rw\n3 1 0:3 / /sl rw master:5 - x x rw\n"

    def needed(source: str, propagation: str) -> str:
        point = MountPoint(type="bind", source=source, destination="/d", propagation=propagation)
        return root_propagation([point], info)

    assert (needed("/x", "rprivate"), needed("/sh/x", "rshared"), needed("/sl", "slave")) == ("", "shared", "rslave")
    for source, propagation, what in (("/x", "shared", "a shared"), ("/sl", "shared", "a shared"),
                                      ("/x", "rslave", "a shared or slave")):
        with pytest.raises(errors.InvalidArgument, match=f"but it is not {what} mount"):
            needed(source, propagation)


def test_secret_data_is_in_nothing_that_is_written_or_shown() -> None:
    file = ContainerFile(path="/run/secrets/pw", data=b"hunter2")
    assert "hunter2" not in repr(ContainerConfig(image="x", files=[file]))
    assert without_data([file]) == [ContainerFile(path="/run/secrets/pw")]


def test_resolv_conf() -> None:
    host = "# note\nsearch lan\nnameserver 127.0.0.53\nnameserver 8.8.8.8\noptions edns0\n"
    dns = DNSConfig(nameservers=["1.1.1.1"], search=["a.b", "c"], options=["timeout:1"])
    assert files.resolv_conf(host, own_namespace=True, dns=dns) == (
        "nameserver 1.1.1.1\n# note\nsearch a.b c\noptions timeout:1\n")
    assert files.resolv_conf(host, own_namespace=True, dns=DNSConfig(search=["."])) == (
        "# note\nnameserver 8.8.8.8\noptions edns0\n")
    inner = files.resolv_conf(host, own_namespace=True, resolver="127.0.0.11", dns=dns)
    assert inner == "nameserver 127.0.0.11\nsearch a.b c\noptions timeout:1 ndots:0\n"
    assert files.resolv_conf(host, own_namespace=True, resolver="127.0.0.11") == (
        "nameserver 127.0.0.11\nsearch lan\noptions ndots:0\n")
