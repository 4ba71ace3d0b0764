"""Owns what is done to cables on purpose: pulled, plugged in again, slowed, laid anew for a host that boots.

A cable is pulled at its far end (the switch's), as in life: the host sees no carrier and no error. What was done to a
cable outlives its host's loss of power. Counterpart: Mininet's `link down` and TCLink.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from swarmkit_py.errors import Internal, InvalidArgument, NotFound, Unimplemented
from topologies.links import Cable

_BURST_SECONDS = 0.02
_SMALLEST_BURST = 16 * 1024
_LATENCY = "50ms"
"""How long a packet may wait in a full queue before it is dropped."""
_RATE = re.compile(r"(\d+(?:\.\d+)?)(k|m|g)bit", re.IGNORECASE)
_DELAY = re.compile(r"\d+(\.\d+)?(us|ms|s)")
_LOSS = re.compile(r"\d+(\.\d+)?%")
_UNITS = {"k": 1e3, "m": 1e6, "g": 1e9}


@dataclass
class State:
    """One cable: what it is slowed to (tc's words), whether it is pulled, and when it is plugged in again."""

    link: Any
    rate: str = ""
    delay: str = ""
    loss: str = ""
    cut: bool = False
    heal_at: float | None = None
    addresses: tuple[str | None, str | None] = (None, None)

    @property
    def ends(self) -> tuple[Any, Any]:
        return self.link.intf1, self.link.intf2

    @property
    def names(self) -> tuple[str, str]:
        return self.link.intf1.node.name, self.link.intf2.node.name

    def far(self, host: str) -> Any:
        """The end that is not the host's."""
        one, other = self.ends
        return other if one.node.name == host else one


class Cables:
    """All cables of the sandbox. `now`: seconds of the monotonic clock."""

    def __init__(self, links: Sequence[Any], now: Callable[[], float]) -> None:
        self.states = [State(link) for link in links]
        self._now = now

    def of(self, host: str) -> list[State]:
        return [state for state in self.states if host in state.names]

    def cut(self, host: str, seconds: float | None) -> None:
        """Pull the host's cables, for so many seconds (None: until `heal`)."""
        for state in self.of(host):
            _link(state.far(host), "down")
            state.cut = True
            state.heal_at = None if seconds is None else self._now() + seconds

    def heal(self, host: str = "") -> list[str]:
        """Plug in the host's cables, or all that are pulled; the names of their ends."""
        healed = [state for state in self.states if state.cut and (not host or host in state.names)]
        for state in healed:
            _plug_in(state)
        return sorted({name for state in healed for name in state.names})

    def heal_due(self) -> float | None:
        """Plug in what is due; seconds until the next one, or None."""
        for state in self.states:
            if state.heal_at is not None and state.heal_at <= self._now():
                _plug_in(state)
        due = [state.heal_at for state in self.states if state.heal_at is not None]
        return max(min(due) - self._now(), 0) if due else None

    def shape(self, one: str, other: str, rate: str, delay: str, loss: str) -> None:
        """Slow the cable between two neighbours, in both directions; with all of them "": as it was.

        Raises NotFound, InvalidArgument, and Unimplemented where the kernel cannot.
        """
        found = [state for state in self.states if {one, other} == set(state.names)]
        if not found:
            raise NotFound(f"No cable goes from {one} to {other}. There are: {self.listed()}.")
        _check(rate, delay, loss)
        for state in found:
            before = state.rate, state.delay, state.loss
            state.rate, state.delay, state.loss = rate, delay, loss
            try:
                self._slow(state)
            except Unimplemented:
                state.rate, state.delay, state.loss = before
                self._slow(state)
                raise

    def unshape(self) -> None:
        """All cables at full speed."""
        for state in self.states:
            if state.rate or state.delay or state.loss:
                state.rate = state.delay = state.loss = ""
                self._slow(state)

    def listed(self) -> str:
        """Every cable, for a reader."""
        return ", ".join("–".join(state.names) for state in self.states)

    def drop(self, host: str) -> None:
        """The host has no power: its cables' ends go with it."""
        for state in self.of(host):
            state.addresses = (_address(state.link.intf1), _address(state.link.intf2))
            _run(state.far(host), ["ip", "link", "delete", state.far(host).name])

    def lay(self, host: str) -> None:
        """New pairs for a host that boots, with the old names and addresses, as cut or slow as they were."""
        for state in self.of(host):
            one, other = state.ends
            if not (_on(one.node) and _on(other.node)):
                continue  # laid when the other end boots
            far = state.far(host)
            _run(far, ["ip", "link", "delete", far.name], check=False)  # of a host that ended by itself
            Cable.makeIntfPair(one.name, other.name, *state.addresses, one.node, other.node)
            for end in state.ends:
                _plug(end)
            self._slow(state)
            if state.cut:
                _link(far, "down")

    def _slow(self, state: State) -> None:
        if not _exists(state):
            return
        for end in state.ends:
            _run(end, ["tc", "qdisc", "delete", "dev", end.name, "root"], check=False)
            for words in qdiscs(state.rate, state.delay, state.loss):
                done = _run(end, ["tc", "qdisc", "add", "dev", end.name, *words], check=False)
                if done.returncode != 0:
                    raise Unimplemented(_refusal(words, done.stderr))


def qdiscs(rate: str, delay: str, loss: str) -> list[list[str]]:
    """The words after `tc qdisc add dev X`. Pure."""
    lines: list[list[str]] = []
    if delay or loss:
        wanted = [*(["delay", delay] if delay else []), *(["loss", loss] if loss else [])]
        lines.append(["root", "handle", "1:", "netem", *wanted])
    if rate:
        burst = max(int(bits(rate) / 8 * _BURST_SECONDS), _SMALLEST_BURST)
        place = ["parent", "1:1", "handle", "10:"] if lines else ["root", "handle", "10:"]
        lines.append([*place, "tbf", "rate", rate, "burst", str(burst), "latency", _LATENCY])
    return lines


def bits(rate: str) -> float:
    """Bits a second of `10mbit`. Raises InvalidArgument."""
    match = _RATE.fullmatch(rate)
    if match is None or float(match[1]) == 0:
        raise InvalidArgument(f"{rate!r} is no rate: a number and kbit, mbit or gbit are needed, as in 10mbit.")
    return float(match[1]) * _UNITS[match[2].lower()]


def _check(rate: str, delay: str, loss: str) -> None:
    if rate and bits(rate) < 8000:
        raise InvalidArgument(f"{rate} is too slow for any packet: 8kbit is the least.")
    if delay and not _DELAY.fullmatch(delay):
        raise InvalidArgument(f"{delay!r} is no delay: a number and us, ms or s are needed, as in 20ms.")
    if loss and not (_LOSS.fullmatch(loss) and float(loss[:-1]) <= 100):
        raise InvalidArgument(f"{loss!r} is no loss: a percentage up to 100% is needed, as in 1%.")


def _refusal(words: list[str], said: str) -> str:
    kind = "netem" if "netem" in words else "tbf"
    what = "delay or lose packets" if kind == "netem" else "limit a cable's rate"
    return f"This kernel cannot {what}: it has no {kind} ({said.strip()}). Nothing was changed."


def _on(node: Any) -> bool:
    return node.pid is not None and getattr(node, "on", True)


def _exists(state: State) -> bool:
    return all(_on(end.node) for end in state.ends)


def _plug(end: Any) -> None:
    """Up, and into the bridge where its node is one: switches have no namespace of their own."""
    into = [] if end.node.inNamespace else ["master", end.node.name]
    _run(end, ["ip", "link", "set", end.name, *into, "up"])


def _plug_in(state: State) -> None:
    state.cut, state.heal_at = False, None
    if _exists(state):
        for end in state.ends:
            _link(end, "up")


def _link(end: Any, state: str) -> None:
    if _on(end.node):
        _run(end, ["ip", "link", "set", end.name, state])


def _address(end: Any) -> str | None:
    if not _on(end.node):
        return None
    match = re.search(r"link/ether (\S+)", _run(end, ["ip", "-o", "link", "show", end.name], check=False).stdout)
    return match[1] if match else None


def _run(end: Any, argv: list[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    """In the network namespace of the end's node. Raises Internal with the command's words."""
    enter = ["nsenter", f"--net=/proc/{end.node.pid}/ns/net"]
    done = subprocess.run([*enter, *argv], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise Internal(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done
