"""config.json is Docker's, where the sandbox does not ask for something else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swarmkit_py.errors import Internal
from swarmkit_py.runtime import files
from swarmkit_py.runtime.base import OverlayAddress, Sandbox
from swarmkit_py.runtime.bundle import MASKED_PATHS, READONLY_PATHS, BundleSpec, IdMap, ProcessSpec, bundle_json
from swarmkit_py.runtime.mounts import cgroup_mount_points, check_owner, layer_paths, overlay_options, parse_id_map
from swarmkit_py.runtime.program import User

RANGE = IdMap(uids=((0, 65536),), gids=((0, 65536),))
SINGLE = IdMap(uids=((0, 1),), gids=((0, 1),), setgroups=False)
SPEC = BundleSpec(
    process=ProcessSpec(args=["a"], env=["B=1"], capabilities=["CAP_KILL"]), rootfs="/r", hostname="h",
    network_path="/run/n", ids=RANGE)


def mount_of(bundle: dict[str, Any], target: str) -> dict[str, Any]:
    return next(mount for mount in bundle["mounts"] if mount["destination"] == target)


def test_no_cgroups() -> None:
    bundle = bundle_json(SPEC)
    assert bundle["linux"]["resources"] == {} and "cgroupsPath" not in bundle["linux"]
    assert not any("cgroup" in mount["type"] or "cgroup" in mount["destination"] for mount in bundle["mounts"])
    assert "cgroup" not in [namespace["type"] for namespace in bundle["linux"]["namespaces"]]


def test_namespaces() -> None:
    own = bundle_json(SPEC)["linux"]
    assert {"type": "network", "path": "/run/n"} in own["namespaces"]
    hosts = bundle_json(replace(SPEC, network_path=""))["linux"]
    assert [namespace["type"] for namespace in hosts["namespaces"]] == ["mount", "uts", "pid", "ipc"]
    assert "sysctl" not in hosts, "it would change the host's own network"


def test_the_group_of_terminals_only_where_it_exists() -> None:
    assert "gid=5" in mount_of(bundle_json(SPEC), "/dev/pts")["options"]
    assert "gid=5" not in mount_of(bundle_json(replace(SPEC, ids=SINGLE)), "/dev/pts")["options"]


def test_masked_as_docker_does() -> None:
    linux = bundle_json(SPEC)["linux"]
    assert linux["maskedPaths"] == list(MASKED_PATHS) and linux["readonlyPaths"] == list(READONLY_PATHS)
    assert "maskedPaths" not in bundle_json(replace(SPEC, privileged=True))["linux"]


def test_other_users_hold_no_capabilities() -> None:
    root = bundle_json(SPEC)["process"]
    assert root["capabilities"]["effective"] == ["CAP_KILL"] and not root["noNewPrivileges"]
    other = bundle_json(replace(SPEC, process=replace(SPEC.process, user=User(33, 33, (4,)))))["process"]
    assert other["capabilities"]["effective"] == [] and other["capabilities"]["bounding"] == ["CAP_KILL"]
    assert other["user"] == {"uid": 33, "gid": 33, "additionalGids": [4]}


def test_no_groups_where_they_may_not_be_set() -> None:
    spec = replace(SPEC, ids=SINGLE, process=replace(SPEC.process, user=User(0, 0, (0, 4))))
    assert "additionalGids" not in bundle_json(spec)["process"]["user"]


def test_id_maps() -> None:
    assert parse_id_map(" 0  1000  1\n 1  100000  65536\n") == ((0, 1), (1, 65536))
    assert IdMap(uids=parse_id_map("0 0 4294967295")).is_initial
    assert RANGE.has_uid(65535) and not RANGE.has_uid(65536) and not SINGLE.has_gid(5)


def test_cgroup_mounts_in_mountinfo() -> None:
    text = ("30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro\n"
            "31 30 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n"
            "32 30 0:28 / /sys/fs/cgroup/my\\040cpu rw shared:9 - cgroup cgroup rw,cpu\n"
            "33 30 0:29 / /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n")
    assert cgroup_mount_points(text) == ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/my cpu"]


def test_layers_of_another_user_are_refused(tmp_path: Path) -> None:
    assert layer_paths("/a\\:b:/c") == [Path("/a:b"), Path("/c")]
    with pytest.raises(Internal, match="cannot be read"):
        check_owner(str(tmp_path / "none"))
    if os.geteuid() == 0:
        check_owner(str(tmp_path))
        os.chown(tmp_path, 1234, 0)
    with pytest.raises(Internal, match="belongs to another user"):
        check_owner(str(tmp_path))


def test_overlay_options() -> None:
    options = overlay_options("/l,1:/l2", Path("/u:p"), Path("/w"), user_namespace=True)
    assert options == "userxattr,lowerdir=/l\\,1:/l2,upperdir=/u\\:p,workdir=/w"
    assert not overlay_options("/l", Path("/u"), Path("/w"), user_namespace=False).startswith("userxattr")


@pytest.mark.parametrize(("sandbox", "line"), [
    (Sandbox(id="x", bridge_address="172.17.0.2/16"), "172.17.0.2\tweb"),
    (Sandbox(id="x", bridge_address="172.18.0.2/16",
             overlays=[OverlayAddress(network_id="n", address="10.0.0.5/24")]), "10.0.0.5\tweb"),
])
def test_hosts(sandbox: Sandbox, line: str) -> None:
    text = files.hosts("web", sandbox, ["db:10.1.1.1", "six:::1"])
    assert [entry for entry in text.splitlines() if entry.endswith("\tweb")] == [line]
    assert "10.1.1.1\tdb\n" in text and "::1\tsix\n" in text and text.startswith("127.0.0.1\tlocalhost\n")


def test_resolvers() -> None:
    host = "search lab\nnameserver 127.0.0.53\nnameserver 9.9.9.9\n"
    assert files.resolv_conf(host, own_namespace=True) == "search lab\nnameserver 9.9.9.9\n"
    assert files.resolv_conf(host, own_namespace=False) == host
