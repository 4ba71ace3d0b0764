"""What a container runs, as whom, with which environment."""

from __future__ import annotations

import pytest

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.runtime import capabilities
from swarmkit_py.runtime.base import ContainerConfig, Image
from swarmkit_py.runtime.program import User, command_line, environment, find_user, stop_signal
from swarmkit_py.runtime.signals import parse_signal

IMAGE = Image(id="sha256:1", config={
    "Entrypoint": ["/start"], "Cmd": ["serve", "-v"], "Env": ["PATH=/x", "A=image"], "StopSignal": "SIGQUIT"})


@pytest.mark.parametrize(("command", "args", "line"), [
    (None, None, ["/start", "serve", "-v"]),
    (None, ["sh"], ["/start", "sh"]),
    (["/other"], None, ["/other"]),
    (["/other"], ["a"], ["/other", "a"]),
    ([""], ["sh"], ["sh"]),
])
def test_command_line(command: list[str] | None, args: list[str] | None, line: list[str]) -> None:
    assert command_line(ContainerConfig(image="i", command=command, args=args), IMAGE) == line


def test_nothing_to_run() -> None:
    with pytest.raises(InvalidArgument, match="No command specified"):
        command_line(ContainerConfig(image="i"), Image(id="x"))


def test_environment() -> None:
    made = environment(ContainerConfig(image="i", env=["A=mine", "B=2", "PATH"], tty=True), IMAGE, "host")
    assert sorted(made) == ["A=mine", "B=2", "HOSTNAME=host", "TERM=xterm"]


def test_stop_signal() -> None:
    assert stop_signal(ContainerConfig(image="i"), IMAGE) == "SIGQUIT"
    assert stop_signal(ContainerConfig(image="i", stop_signal="INT"), IMAGE) == "INT"
    assert stop_signal(ContainerConfig(image="i"), Image(id="x")) == "SIGTERM"


@pytest.mark.parametrize(("text", "number"), [("KILL", 9), ("SIGTERM", 15), ("term", 15), ("9", 9)])
def test_signals(text: str, number: int) -> None:
    assert parse_signal(text) == number


@pytest.mark.parametrize("text", ["", "FOO", "0", "99", "-9"])
def test_no_signals(text: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^Invalid signal: {text}$"):
        parse_signal(text)


PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:33:44::/:/bin/sh\n"
GROUP = "root:x:0:\nstaff:x:50:web,other\nlog:x:4:web\n"


@pytest.mark.parametrize(("wanted", "user"), [
    ("web", User(33, 44, (50, 4))), ("33", User(33, 44, (50, 4))), ("1000", User(1000, 0)),
    ("web:staff", User(33, 50)), ("7:9", User(7, 9)), ("root", User(0, 0)),
])
def test_users(wanted: str, user: User) -> None:
    assert find_user(wanted, PASSWD, GROUP) == user


@pytest.mark.parametrize(("wanted", "said"), [
    ("nobody", "unable to find user nobody: no matching entries in passwd file"),
    ("web:none", "unable to find group none: no matching entries in group file"),
])
def test_no_users(wanted: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        find_user(wanted, PASSWD, GROUP)


def test_capabilities() -> None:
    default = capabilities.effective([], [], privileged=False)
    assert len(default) == 14 and "CAP_NET_RAW" in default and "CAP_SYS_ADMIN" not in default
    assert capabilities.effective(["net_admin"], ["ALL"], privileged=False) == ["CAP_NET_ADMIN"]
    assert "CAP_SYS_ADMIN" in capabilities.effective(["ALL"], ["CAP_CHOWN"], privileged=False)
    assert "CAP_CHOWN" not in capabilities.effective(["ALL"], ["CAP_CHOWN"], privileged=False)
    with pytest.raises(InvalidArgument, match='invalid CapAdd: unknown capability: "CAP_FLY"'):
        capabilities.effective(["FLY"], [], privileged=False)
