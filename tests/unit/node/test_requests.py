"""Addresses, requests and flags: pure readings of what a user typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from swarmkit_py.__main__ import main, options_from, parser
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest
from swarmkit_py.errors import Internal, InvalidArgument, SwarmError, Unimplemented
from swarmkit_py.model.specs import ClusterSpec, EncryptionConfig
from swarmkit_py.model.states import Role
from swarmkit_py.node.addresses import choose_advertise, split_port
from swarmkit_py.node.disk import Membership, SwarmDisk
from swarmkit_py.node.requests import read_init, read_join

LO, ETH0, ETH1, BRIDGE = ("lo", "127.0.0.1"), ("eth0", "10.7.0.1"), ("eth1", "10.8.0.1"), ("docker0", "172.17.0.1")


@pytest.mark.parametrize(("wanted", "locals_", "chosen"), [
    ("", [LO, ETH0], "10.7.0.1"), ("", [LO, ETH0, BRIDGE], "10.7.0.1"), ("eth1", [LO, ETH0, ETH1], "10.8.0.1"),
    ("10.8.0.1", [LO, ETH0, ETH1], "10.8.0.1"),
])
def test_the_advertise_address(wanted: str, locals_: list[tuple[str, str]], chosen: str) -> None:
    assert choose_advertise(wanted, locals_, is_local=True) == chosen


@pytest.mark.parametrize(("wanted", "locals_", "words"), [
    ("", [LO], "could not find the system's IP address - specify one with --advertise-addr"),
    ("", [ETH0, ETH1], "multiple addresses on different interfaces \\(10.7.0.1 on eth0 and 10.8.0.1 on eth1\\)"),
    ("", [ETH0, ("eth0", "10.9.0.1")], "multiple addresses on interface eth0 \\(10.7.0.1 and 10.9.0.1\\)"),
    ("10.1.2.3", [LO, ETH0],
     "no interface of this host has the advertise address 10.1.2.3; there are 10.7.0.1 on eth0"),
    ("nosuch0", [LO, ETH0], "nosuch0 is neither; there are 10.7.0.1 on eth0"),
    ("0.0.0.0", [LO, ETH0], "non-zero IP address"),
    ("nosuch0", [LO], "this host has no address but loopback"),
])
def test_advertise_addresses_that_cannot_be(wanted: str, locals_: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        choose_advertise(wanted, locals_, is_local=False)


def test_ports_are_split_off() -> None:
    assert split_port("10.0.0.1:99", 1) == ("10.0.0.1", 99)
    assert split_port("10.0.0.1", 2377) == ("10.0.0.1", 2377)
    assert split_port("", 2377) == ("", 2377)
    for bad in ("10.0.0.1:", "10.0.0.1:x", "10.0.0.1:0", "10.0.0.1:70000"):
        with pytest.raises(InvalidArgument, match="port"):
            split_port(bad, 1)


def test_what_init_listens_on_and_advertises() -> None:
    plain = read_init(InitRequest(), 2377)
    assert (plain.listen_addr, plain.advertise_host, plain.advertise_port) == ("0.0.0.0:2377", "", 2377)
    assert read_init(InitRequest(), 12377).listen_addr == "0.0.0.0:12377"
    full = read_init(InitRequest(listen_addr="10.7.0.1:99", advertise_addr="eth0:98"), 2377)
    assert (full.listen_addr, full.advertise_host, full.advertise_port) == ("10.7.0.1:99", "eth0", 98)


@pytest.mark.parametrize(("request_", "kind"), [
    (InitRequest(advertise_addr="10.7.0.1", data_path_addr="10.8.0.1"), Unimplemented),
    (InitRequest(data_path_port=80), InvalidArgument), (InitRequest(availability="asleep"), InvalidArgument),
    (InitRequest(listen_addr="0.0.0.0:no"), InvalidArgument),
])
def test_init_requests_that_are_refused(request_: InitRequest, kind: type[SwarmError]) -> None:
    with pytest.raises(kind):
        read_init(request_, 2377)


def test_autolock_may_be_said_in_either_place() -> None:
    locked = ClusterSpec(encryption_config=EncryptionConfig(auto_lock_managers=True))
    for request in (InitRequest(spec=locked), InitRequest(auto_lock_managers=True)):
        assert read_init(request, 2377).cluster.spec.encryption_config.auto_lock_managers
    assert not read_init(InitRequest(), 2377).cluster.spec.encryption_config.auto_lock_managers


def test_join_needs_an_address_and_a_token_that_is_one() -> None:
    joining = read_join(JoinRequest(remote_addrs=["10.7.0.1", "10.7.0.2:99"]))
    assert joining.addresses == ["10.7.0.1:2377", "10.7.0.2:99"]
    assert (joining.token, joining.availability) == (None, "active")
    with pytest.raises(InvalidArgument, match="at least 1 RemoteAddr"):
        read_join(JoinRequest())
    with pytest.raises(InvalidArgument, match="invalid join token"):
        read_join(JoinRequest(remote_addrs=["10.7.0.1"], join_token="SWMTKN-1-bad"))


def test_membership_is_kept_and_a_broken_file_is_named(tmp_path: Path) -> None:
    disk = SwarmDisk(tmp_path)
    assert disk.load() is None
    member = Membership(
        node_id="n", cluster_id="c", role=Role.WORKER, addr="10.7.0.1", managers=[("m", "10.7.0.2:2377")])
    disk.save(member)
    assert SwarmDisk(tmp_path).load() == member
    (tmp_path / "swarm" / "state.json").write_text("{")
    with pytest.raises(Internal, match="state.json cannot be read"):
        disk.load()
    disk.wipe()
    assert disk.load() is None


def test_flags_become_options(tmp_path: Path) -> None:
    options = options_from(parser().parse_args([
        "-H", "unix:///run/x.sock", "--data-root", str(tmp_path), "--runtime", "fake", "--hostname", "h"]))
    assert (options.api_socket, options.images, options.runtime, options.hostname) == (
        Path("/run/x.sock"), tmp_path / "images", "fake", "h")


def test_a_data_root_that_cannot_be_made_is_one_line_and_status_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    status = main(["--data-root", str(tmp_path / "file" / "data"), "--exec-root", str(tmp_path / "x"), "-H",
                   str(tmp_path / "s.sock"), "--runtime", "fake"])
    assert status == 1
    assert "swarmd does not start" in caplog.text
    assert "Traceback" not in caplog.text
