"""What clients send, read by Docker's rules: paths, filters, times, host configs, detach keys."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aiohttp import web

from swarmkit_py.docker_api.call import Call, without_nulls
from swarmkit_py.docker_api.container_options import options_json
from swarmkit_py.docker_api.container_request import check_name, container_config, exec_config
from swarmkit_py.docker_api.detach_keys import Detached, DetachKeys, parse_detach_keys
from swarmkit_py.docker_api.dispatch import all_routes, check_version
from swarmkit_py.docker_api.durations import human_duration
from swarmkit_py.docker_api.filters import CONTAINERS, NODES, parse_filters
from swarmkit_py.docker_api.host_config import port_mappings
from swarmkit_py.docker_api.routing import Route, Router, split_version
from swarmkit_py.docker_api.streams import details, frame, log_line, parse_time
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.model.container import Limits
from swarmkit_py.model.local import LocalPlace
from swarmkit_py.model.mounts import DNSConfig, Mount, VolumeOptions
from swarmkit_py.runtime.base import PortMapping


async def nothing(call: Call) -> web.StreamResponse:
    raise AssertionError("only matched, never called")


def test_version_prefix() -> None:
    assert split_version("/v1.41/nodes") == ((1, 41), "/nodes")
    assert split_version("/nodes") == (None, "/nodes")
    assert split_version("/volumes/x") == (None, "/volumes/x")
    assert split_version("/v1.41") == ((1, 41), "/")


@pytest.mark.parametrize(("version", "text"), [
    ((1, 99), "client version 1.99 is too new. Maximum supported API version is 1.41"),
    ((1, 12), "client version 1.12 is too old. Minimum supported API version is 1.24"),
])
def test_versions_out_of_range(version: tuple[int, int], text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        check_version(version)


def test_image_names_hold_slashes_and_the_particular_route_wins() -> None:
    router = Router([Route("GET", "/images/json", nothing), Route("GET", "/images/{name...}/json", nothing)])
    found = router.match("GET", "/images/127.0.0.1:5000/bb:1/json")
    assert found is not None and found[1] == {"name": "127.0.0.1:5000/bb:1"}
    found = router.match("GET", "/images/json")
    assert found is not None and found[1] == {}
    assert router.match("POST", "/images/json") is None and router.match("GET", "/nosuch") is None


def test_a_parameter_takes_no_slash() -> None:
    assert Router([Route("GET", "/nodes/{id}", nothing)]).match("GET", "/nodes/a/b") is None


def test_every_route_is_found_by_its_own_path() -> None:
    router = Router(all_routes())
    for route in all_routes():
        path = route.template.replace("{id...}", "x").replace("{name...}", "x").replace("{id}", "x")
        found = router.match(route.method, path)
        assert found is not None and found[0] == route, route


def test_nulls_are_dropped_and_empty_values_kept() -> None:
    assert without_nulls({"a": None, "b": {"c": None, "d": 0}, "e": [None, {}]}) == {"b": {"d": 0}, "e": [{}]}


@pytest.mark.parametrize("text", ['{"name":{"web":true}}', '{"name":["web"]}', '{"name":{"web":true,"db":false}}'])
def test_both_spellings_of_filters(text: str) -> None:
    filters = parse_filters(text, NODES)
    assert filters.get("name") == ["web"]
    assert filters.prefix("name", "web1") and not filters.prefix("name", "db")
    assert filters.prefix("id", "anything")


@pytest.mark.parametrize(("text", "message"), [
    ('{"bad":["x"]}', "Invalid filter 'bad'"), ("nonsense", "invalid filters"), ('["a"]', "invalid filters"),
])
def test_wrong_filters(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        parse_filters(text, NODES)


def test_labels_are_anded_and_other_values_ored() -> None:
    filters = parse_filters('{"label":["a","b=1"],"status":["created","exited"]}', CONTAINERS)
    assert filters.labels("label", {"a": "x", "b": "1"})
    assert not filters.labels("label", {"a": "x", "b": "2"}) and not filters.labels("label", None)
    assert filters.exact("status", "exited") and not filters.exact("status", "running")


def test_flag_filters() -> None:
    assert parse_filters('{"is-task":["true"]}', CONTAINERS).flag("is-task") is True
    assert parse_filters("", CONTAINERS).flag("is-task") is None
    with pytest.raises(InvalidArgument):
        parse_filters('{"is-task":["perhaps"]}', CONTAINERS).flag("is-task")


@pytest.mark.parametrize(("text", "expected"), [
    ("", None), ("0", None),
    ("1795371266", datetime(2026, 11, 22, 18, 14, 26, tzinfo=timezone.utc)),
    ("1795371266.354697420", datetime(2026, 11, 22, 18, 14, 26, 354697, tzinfo=timezone.utc)),
    ("2026-11-22T18:14:26Z", datetime(2026, 11, 22, 18, 14, 26, tzinfo=timezone.utc)),
])
def test_times(text: str, expected: datetime | None) -> None:
    assert parse_time("since", text) == expected


def test_a_time_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match="since='yesterday'"):
        parse_time("since", "yesterday")


def test_frames_and_log_lines() -> None:
    assert frame("stderr", b"abc") == b"\x02\0\0\0\0\0\0\x03abc"
    time = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert log_line(b"hi", time, details({"b": "1 2", "a": "x"})) == b"2026-01-02T03:04:05.000006000Z a=x,b=1+2 hi\n"
    assert log_line(b"hi\n") == b"hi\n"


@pytest.mark.parametrize(("seconds", "text"), [
    (0.4, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (60, "About a minute"), (120, "2 minutes"),
    (3600, "About an hour"), (7200, "2 hours"), (47 * 3600, "47 hours"), (48 * 3600, "2 days"),
    (13 * 86400, "13 days"), (14 * 86400, "2 weeks"), (60 * 86400, "2 months"), (800 * 86400, "2 years"),
])
def test_how_long_ago(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_how_long_ago_never_fails() -> None:
    for hours in range(0, 24 * 900, 7):
        assert human_duration(timedelta(hours=hours).total_seconds())


def test_detach_keys_in_one_piece_and_in_two() -> None:
    keys = DetachKeys()
    assert keys.filter(b"ls\x10") == b"ls"
    assert keys.filter(b"x") == b"\x10x"
    assert keys.filter(b"\x10\x10") == b"\x10"
    with pytest.raises(Detached):
        keys.filter(b"\x11")


def test_spelling_of_detach_keys() -> None:
    assert parse_detach_keys("") == b"\x10\x11" and parse_detach_keys("ctrl-a,x") == b"\x01x"
    with pytest.raises(InvalidArgument, match="ctrl-%"):
        parse_detach_keys("ctrl-%")


def body(**host: Any) -> dict[str, Any]:
    return {"Image": "nginx", "Cmd": ["a"], "HostConfig": host}


def test_what_docker_run_sends_asks_for_nothing_special() -> None:
    """The zero values of a real CLI 28.2 are accepted."""
    host = {
        "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "default",
        "PortBindings": {}, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": True,
        "ConsoleSize": [24, 80], "CapAdd": None, "MemorySwappiness": -1, "BlkioWeightDevice": [], "PidsLimit": 0,
        "Devices": [], "Isolation": "", "OomKillDisable": False, "MaskedPaths": None, "CgroupnsMode": "",
    }
    sent = {"Image": "nginx", "Cmd": ["a"], "Tty": True, "HostConfig": host, "Volumes": {}, "OnBuild": None,
            "NetworkingConfig": {"EndpointsConfig": {"default": {"IPAMConfig": None, "MacAddress": ""}}}}
    config = container_config(without_nulls(sent), "c1", [])
    assert config.auto_remove and config.tty and config.args == ["a"] and config.command is None
    assert config.sandbox is not None and config.sandbox.mode == "bridge"


@pytest.mark.parametrize(("host", "named"), [
    ({"Devices": [{"PathOnHost": "/dev/x"}]}, "Devices"),
    ({"NetworkMode": "container:x"}, "NetworkMode"), ({"VolumesFrom": ["x"]}, "VolumesFrom"),
    ({"IpcMode": "host"}, "IpcMode"), ({"PidMode": "host"}, "PidMode"), ({"SomethingNew": True}, "SomethingNew"),
])
def test_what_cannot_be_done_is_refused_by_name(host: dict[str, Any], named: str) -> None:
    with pytest.raises(Unimplemented, match=f"HostConfig.{named}"):
        container_config(body(**host), "", [])


@pytest.mark.parametrize("more", [
    {"Domainname": "x"},
    {"HostConfig": {"NetworkMode": "mine"}, "NetworkingConfig": {"EndpointsConfig": {"mine": {"Links": ["a"]}}}},
])
def test_what_cannot_be_done_outside_the_host_config(more: dict[str, Any]) -> None:
    with pytest.raises(Unimplemented):
        container_config({**body(), **more}, "", [])


def test_a_place_on_a_network_of_this_machine() -> None:
    endpoints = {"mine": {"Aliases": ["a"], "IPAMConfig": {"IPv4Address": "172.30.0.9"}}}
    sent = {**body(NetworkMode="mine"), "NetworkingConfig": {"EndpointsConfig": endpoints}}
    sandbox = container_config(sent, "", []).sandbox
    assert sandbox is not None and sandbox.mode == "bridge"
    assert sandbox.locals == [LocalPlace(network="mine", address="172.30.0.9", aliases=["a"])]
    with pytest.raises(InvalidArgument, match="only for containers in user defined networks"):
        container_config({**body(), "NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": ["a"]}}}}, "", [])


@pytest.mark.parametrize(("host", "text"), [
    ({"LogConfig": {"Type": "syslog"}}, "the log driver 'syslog' is not there"),
    ({"SecurityOpt": ["seccomp={}"]}, "--security-opt seccomp={} is not there"),
    ({"Memory": 1}, "Minimum memory limit allowed is 6MB"),
    ({"Memory": 10**8, "MemorySwap": 10**7}, "Minimum memoryswap limit should be larger"),
    ({"Memory": 10**7, "MemoryReservation": 10**8}, "can not be less than memory reservation"),
    ({"MemorySwap": 10**7}, "always set the Memory limit when using Memoryswap"),
    ({"NanoCpus": -1}, "NanoCPUs must be positive"),
    ({"NanoCpus": 1, "CpuQuota": 5}, "Conflicting options: Nano CPUs"),
    ({"Memory": "much"}, "Memory must be of type int"),
    ({"Ulimits": [{"Name": "nofile", "Soft": 2, "Hard": 1}]}, "2 > 1"),
    ({"Ulimits": ["nofile"]}, "Ulimits must be a list of"),
    ({"LogConfig": {"Type": "json-file", "Config": {"tag": "x"}}}, "unknown log opt 'tag' for json-file"),
    ({"LogConfig": {"Type": "json-file", "Config": {"max-size": "x"}}}, "invalid size: 'x'"),
    ({"LogConfig": {"Type": "json-file", "Config": {"max-file": "0"}}}, "max-file cannot be less than 1"),
])
def test_options_that_are_wrong_are_refused_with_a_sentence(host: dict[str, Any], text: str) -> None:
    with pytest.raises((InvalidArgument, Unimplemented), match=re.escape(text)):
        container_config(body(**host), "", [])


def test_options_are_read_and_shown_again() -> None:
    host = {
        "Memory": 10**8, "NanoCpus": 5 * 10**8, "PidsLimit": 9, "Sysctls": {"net.core.somaxconn": "5"},
        "Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 2}], "GroupAdd": ["audio"],
        "SecurityOpt": ["seccomp=unconfined"], "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
    }
    config = container_config(body(**host), "", [])
    assert config.limits == Limits(memory=10**8, nano_cpus=5 * 10**8, pids=9)
    shown = options_json(config)
    assert {name: shown[name] for name in host} == host


def test_published_ports() -> None:
    bound = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "53/udp": [{"HostPort": ""}]}
    config = container_config(body(PortBindings=bound), "", [])
    assert config.sandbox is not None and config.sandbox.ports == [
        PortMapping(protocol="tcp", published_port=8080, target_port=80),
        PortMapping(protocol="udp", published_port=0, target_port=53)]


def test_publishing_all_ports_takes_those_of_the_image() -> None:
    config = container_config(body(PublishAllPorts=True), "", ["80/tcp", "443/tcp"])
    assert config.sandbox is not None and [port.target_port for port in config.sandbox.ports] == [80, 443]


@pytest.mark.parametrize("bound", [
    {"80/tcp": [{"HostPort": "99999"}]}, {"0/tcp": [{"HostPort": "1"}]}, {"80/icmp": [{"HostPort": "1"}]},
    {"80/tcp": [{"HostPort": "x"}]}, {"80/tcp": [{"HostPort": "1"}], "81/tcp": [{"HostPort": "1"}]},
])
def test_wrong_ports(bound: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        container_config(body(PortBindings=bound), "", [])


def test_restart_policies() -> None:
    config = container_config(body(RestartPolicy={"Name": "on-failure", "MaximumRetryCount": 3}), "", [])
    assert (config.restart_policy, config.restart_max) == ("on-failure", 3)
    for host in ({"RestartPolicy": {"Name": "sometimes"}}, {"RestartPolicy": {"Name": "always"}, "AutoRemove": True},
                 {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}}):
        with pytest.raises(InvalidArgument):
            container_config(body(**host), "", [])


def test_an_empty_entrypoint_takes_the_images_away() -> None:
    assert container_config({**body(), "Entrypoint": [""]}, "", []).command == []
    assert container_config({**body(), "Entrypoint": "sh"}, "", []).command == ["sh"]


def test_names_of_containers() -> None:
    assert check_name("/web") == "web"
    for name in ("-x", "a b", "x/y", "é"):
        with pytest.raises(InvalidArgument, match="Invalid container name"):
            check_name(name)


@pytest.mark.parametrize("sent", [
    {"Image": ""}, {"Image": 5}, {"Image": "a", "Env": "A=1", "Cmd": [1]}, {"Image": "a", "HostConfig": "x"},
    {"Image": "a", "Tty": "yes"},
])
def test_bodies_of_the_wrong_type(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        container_config(sent, "", [])


def test_exec_needs_a_command() -> None:
    with pytest.raises(InvalidArgument, match="No exec command"):
        exec_config({"Cmd": []})


def test_mounts_and_dns_of_docker_run() -> None:
    config = container_config(body(
        Binds=["/a:/b:ro", "v:/c"], Tmpfs={"/x": "size=1m"}, Dns=["1.1.1.1"], DnsSearch=["a.b"],
        Mounts=[{"Type": "volume", "Source": "w", "Target": "/d", "VolumeOptions": {"NoCopy": True}}],
    ) | {"Volumes": {"/e": {}}}, "", [])
    assert (config.binds, config.tmpfs, config.volumes) == (["/a:/b:ro", "v:/c"], {"/x": "size=1m"}, ["/e"])
    wanted = Mount(type="volume", source="w", target="/d", volume_options=VolumeOptions(no_copy=True))
    assert config.mounts == [wanted]
    assert config.dns == DNSConfig(nameservers=["1.1.1.1"], search=["a.b"])
    assert container_config(body(Dns=[], Binds=[]), "", []).dns is None


@pytest.mark.parametrize("host", [{"Binds": "x"}, {"Mounts": [1]}, {"Tmpfs": ["/x"]}, {"Dns": [1]}])
def test_mounts_that_do_not_fit(host: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="does not fit"):
        container_config(body(**host), "", [])


@pytest.mark.parametrize("bindings", [{"80/tcp": "x"}, {"80/tcp": ["x"]}, {"80/tcp": [{"HostPort": 1}]}, ["80"]])
def test_port_bindings_of_the_wrong_shape(bindings: Any) -> None:
    with pytest.raises(InvalidArgument, match="PortBindings"):
        port_mappings({"PortBindings": bindings})
