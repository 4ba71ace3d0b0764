"""Owns the way from what the kernel carries to what it should: an ordered list of operations. Pure. Must not know how
an operation is done (`apply`).

Order: what must be made anew goes first; then what is missing is made; then the rules change; what is no longer
wanted goes last, so a connection that stays has its path at every moment.
Counterpart: none in moby, whose networks are changed by events alone and never compared with the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from swarmkit_py import errors
from swarmkit_py.network.rules import Ruleset
from swarmkit_py.network.state import (
    AddressKey,
    FdbKey,
    KernelState,
    Link,
    LinkKey,
    NeighbourKey,
    Plug,
    ReturnKey,
    SettingKey,
)

FactKey = AddressKey | FdbKey | NeighbourKey | SettingKey | ReturnKey
KINDS = ("bridge", "vxlan", "veth")
"""The order of making: a port needs its bridge."""
UNPLUGGED = "is not there"
"""The fault of a plug that cannot be set up again where it is."""


@dataclass(frozen=True)
class MakeSandbox:
    sandbox_id: str
    path: str

    def __str__(self) -> str:
        return f"the namespace of sandbox {self.sandbox_id} is missing"


@dataclass(frozen=True)
class RemoveSandbox:
    sandbox_id: str
    path: str

    def __str__(self) -> str:
        return f"the namespace {self.path} belongs to no sandbox"


@dataclass(frozen=True)
class MakeNetwork:
    path: str

    def __str__(self) -> str:
        return f"the network namespace {self.path} is missing"


@dataclass(frozen=True)
class RemoveNetwork:
    path: str

    def __str__(self) -> str:
        return f"the namespace {self.path} belongs to no network"


@dataclass(frozen=True)
class AddLink:
    key: LinkKey
    link: Link
    plug: Plug | None = None

    def __str__(self) -> str:
        return f"link {self.key.name} is missing"


@dataclass(frozen=True)
class ChangeLink:
    key: LinkKey
    link: Link
    reason: str

    def __str__(self) -> str:
        return f"link {self.key.name} differs: {self.reason}"


@dataclass(frozen=True)
class Replug:
    """Set up the inside of a veth pair again."""

    plug: Plug
    reason: str

    def __str__(self) -> str:
        return f"{self.plug.name} of sandbox {self.plug.sandbox_id}: {self.reason}"


@dataclass(frozen=True)
class DeleteLinks:
    namespace: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return f"not wanted: link {', '.join(self.names)}"


@dataclass(frozen=True)
class Put:
    key: FactKey
    value: str = ""
    owner: str = ""
    """The sandbox it belongs to, if it is of one."""

    def __str__(self) -> str:
        return f"missing: {describe(self.key, self.value)}"


@dataclass(frozen=True)
class Drop:
    key: FactKey
    value: str = ""

    def __str__(self) -> str:
        return f"not wanted: {describe(self.key, self.value)}"


@dataclass(frozen=True)
class PutRuleset:
    namespace: str
    ruleset: Ruleset
    owner: str = ""
    """As in Put."""

    def __str__(self) -> str:
        return "the firewall table differs" + (f" in {self.namespace}" if self.namespace else "")


Operation = (MakeSandbox | RemoveSandbox | MakeNetwork | RemoveNetwork | AddLink | ChangeLink | Replug | DeleteLinks
             | Put | Drop | PutRuleset)


def describe(key: FactKey, value: str) -> str:
    """A fact in words."""
    if isinstance(key, AddressKey):
        return f"address {key.address} on {key.link}"
    if isinstance(key, FdbKey):
        return f"forwarding of {key.mac} on {key.link}" + (f" to node {value}" if value else "")
    if isinstance(key, NeighbourKey):
        return f"neighbour {key.address} {value} on {key.link}"
    if isinstance(key, ReturnKey):
        return f"the way back to node {key.gateway} on {key.link} of {key.namespace}"
    return f"{key.path} = {value}"


def diff(wanted: KernelState, actual: KernelState) -> list[Operation]:
    """What to do, in order, to get from `actual` to `wanted`. Raises errors.FailedPrecondition if a link that is
    not ours is in the way."""
    _refuse_foreign(wanted, actual)
    rebuilt = {k for k, link in wanted.links.items() if k in actual.links and (
        actual.links[k].rebuilt_as(link) or actual.faults.get(k) == UNPLUGGED)}
    actual = _without(actual, rebuilt, wanted.plugs)
    unwanted = actual.links.keys() - wanted.links.keys()
    return [
        *_delete_links(rebuilt),
        *_make_sandboxes(wanted, actual),
        *(MakeNetwork(path) for id_, path in wanted.networks.items() if id_ not in actual.networks),
        *_put_links(wanted, actual),
        *_put_facts(wanted, facts(actual)),
        *(Replug(wanted.plugs[k], reason) for k, reason in actual.faults.items()
          if k in actual.links and k in wanted.plugs),
        *(Replug(plug, "it is to be another") for k, plug in wanted.plugs.items()
          if k in actual.links and actual.plugs.get(k, plug) != plug),
        *_put_rulesets(wanted, actual),
        *_drop_facts(facts(wanted), facts(_without(actual, unwanted, actual.plugs))),
        *_delete_links(unwanted),
        *(RemoveSandbox(id_, path) for id_, path in actual.sandboxes.items() if id_ not in wanted.sandboxes),
        *(RemoveNetwork(path) for id_, path in actual.networks.items() if id_ not in wanted.networks),
    ]


def facts(state: KernelState) -> dict[FactKey, str]:
    """All that is not a link, as one map."""
    found: dict[FactKey, str] = dict(state.settings.items())  # before the IPv6 addresses that some of them allow
    found.update(dict.fromkeys((*state.addresses, *state.returns), ""))
    found.update(state.fdb.items())
    found.update(state.neighbours.items())
    return found


def _refuse_foreign(wanted: KernelState, actual: KernelState) -> None:
    in_the_way = sorted({key.name for key in wanted.links if not key.namespace} & actual.foreign)
    if in_the_way:
        raise errors.FailedPrecondition(
            f"this machine already has a link {in_the_way[0]} that swarmd did not make; "
            "is another container engine running here? Stop it, or delete the link"
        )


def _without(state: KernelState, gone: set[LinkKey], plugs: Mapping[LinkKey, Plug]) -> KernelState:
    """The state once these links are deleted: what is on them goes with them, and on their inner ends (`plugs`);
    their ports are set free."""
    if not gone:
        return state
    names = {(key.namespace, key.name) for key in gone}
    names |= {(plug.path, plug.name) for key in gone if (plug := plugs.get(key))}

    def stays(key: FactKey) -> bool:
        return isinstance(key, SettingKey) or (key.namespace, key.link) not in names

    freed = {
        key: replace(link, master="") if (key.namespace, link.master) in names else link
        for key, link in state.links.items() if key not in gone
    }
    settings = {k: v for k, v in state.settings.items()
                if not any(key.namespace == k.namespace and f"/{key.name}/" in k.path for key in gone)}
    return replace(
        state, links=freed, settings=settings,
        addresses=frozenset(filter(stays, state.addresses)), returns=frozenset(filter(stays, state.returns)),
        fdb={k: v for k, v in state.fdb.items() if stays(k)},
        neighbours={k: v for k, v in state.neighbours.items() if stays(k)},
    )


def _make_sandboxes(wanted: KernelState, actual: KernelState) -> Iterator[Operation]:
    for id_, path in wanted.sandboxes.items():
        if id_ not in actual.sandboxes:
            yield MakeSandbox(id_, path)


def _put_rulesets(wanted: KernelState, actual: KernelState) -> Iterator[Operation]:
    owners = {path: id_ for id_, path in wanted.sandboxes.items()}
    for namespace, ruleset in wanted.rulesets.items():
        if ruleset != actual.rulesets.get(namespace):
            yield PutRuleset(namespace, ruleset, owners.get(namespace, ""))


def _put_links(wanted: KernelState, actual: KernelState) -> Iterator[Operation]:
    for key, link in sorted(wanted.links.items(), key=lambda item: KINDS.index(item[1].kind)):
        if key not in actual.links:
            yield AddLink(key, link, wanted.plugs.get(key))
        elif reason := difference(link, actual.links[key]):
            yield ChangeLink(key, link, reason)


def difference(wanted: Link, actual: Link) -> str:
    """The first field that differs, in words; "" if none does."""
    for name in ("alias", "mtu", "mac", "master", "learning", "flooding", "isolated", "up"):
        want, have = getattr(wanted, name), getattr(actual, name)
        if want != have and not (name == "mac" and not want):
            return f"{name} is {have!r}, should be {want!r}"
    return ""


def _put_facts(wanted: KernelState, actual: Mapping[FactKey, str]) -> Iterator[Operation]:
    sandboxes = {path: id_ for id_, path in wanted.sandboxes.items()}
    for key, value in facts(wanted).items():
        if actual.get(key) != value:
            if key in actual and isinstance(key, FdbKey):
                yield Drop(key, actual[key])
            owner = sandboxes.get(key.namespace, "") if isinstance(key, ReturnKey) else _owner(wanted, key)
            yield Put(key, value, owner)


def _owner(wanted: KernelState, key: FactKey) -> str:
    plug = None if isinstance(key, SettingKey) else wanted.plugs.get(LinkKey(key.namespace, key.link))
    return plug.sandbox_id if plug else ""


def _drop_facts(wanted: Mapping[FactKey, str], actual: Mapping[FactKey, str]) -> Iterator[Operation]:
    for key, value in actual.items():
        if key not in wanted and not isinstance(key, SettingKey):
            yield Drop(key, value)


def _delete_links(keys: set[LinkKey]) -> Iterator[Operation]:
    for namespace in sorted({key.namespace for key in keys}):
        yield DeleteLinks(namespace, tuple(sorted(key.name for key in keys if key.namespace == namespace)))
