from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmkit_py import errors
from swarmkit_py.network.reconcile import (
    AddLink,
    ChangeLink,
    DeleteLinks,
    Drop,
    MakeNetwork,
    MakeSandbox,
    Operation,
    Put,
    PutRuleset,
    RemoveNetwork,
    RemoveSandbox,
    diff,
    difference,
)
from swarmkit_py.network.state import AddressKey, FdbKey, KernelState, LinkKey, NeighbourKey, SettingKey
from swarmkit_py.network.wanted import Inputs, wanted_state
from tests.unit.network.build import endpoint, ingress, inputs, overlay, task


class Model:
    """A kernel as far as operations go: refuses what a real one would refuse."""

    def __init__(self, state: KernelState) -> None:
        self.sandboxes, self.networks = dict(state.sandboxes), dict(state.networks)
        self.links, self.rulesets = dict(state.links), dict(state.rulesets)
        self.facts: dict[object, str] = {
            **dict.fromkeys(state.addresses, ""), **state.fdb, **state.neighbours, **state.settings,
        }

    def do(self, operation: Operation) -> None:
        if isinstance(operation, MakeSandbox):
            assert operation.sandbox_id not in self.sandboxes
            self.sandboxes[operation.sandbox_id] = operation.path
        elif isinstance(operation, RemoveSandbox):
            del self.sandboxes[operation.sandbox_id]
            self.rulesets.pop(operation.path, None)
        elif isinstance(operation, MakeNetwork):
            assert operation.path not in self.networks.values()
            self.networks[Path(operation.path).name] = operation.path
        elif isinstance(operation, RemoveNetwork):
            assert not [key for key in self.links if key.namespace == operation.path]
            del self.networks[Path(operation.path).name]
            self.rulesets.pop(operation.path, None)
            self.facts = {k: v for k, v in self.facts.items()
                          if k.namespace != operation.path}  # type: ignore[attr-defined]
        elif isinstance(operation, AddLink):
            assert operation.key not in self.links
            assert not operation.plug or operation.plug.sandbox_id in self.sandboxes
            self._set(operation.key, operation.link)
        elif isinstance(operation, ChangeLink):
            assert not self.links[operation.key].rebuilt_as(operation.link)
            self._set(operation.key, operation.link)
        elif isinstance(operation, DeleteLinks):
            for name in operation.names:
                self._delete(LinkKey(operation.namespace, name))
        elif isinstance(operation, PutRuleset):
            self._inside(operation.namespace)
            self.rulesets[operation.namespace] = operation.ruleset
        elif isinstance(operation, Put):
            assert isinstance(operation.key, SettingKey) or LinkKey(*operation.key[:2]) in self.links
            self._inside(operation.key.namespace)
            self.facts[operation.key] = operation.value
        elif isinstance(operation, Drop):
            del self.facts[operation.key]

    def _inside(self, namespace: str) -> None:
        assert namespace in ("", *self.networks.values(), *self.sandboxes.values())

    def _set(self, key: LinkKey, link: object) -> None:
        self._inside(key.namespace)
        master = getattr(link, "master", "")
        assert not master or LinkKey(key.namespace, master) in self.links
        self.links[key] = link  # type: ignore[assignment]

    def _delete(self, key: LinkKey) -> None:
        del self.links[key]
        self.facts = {k: v for k, v in self.facts.items()
                      if k.namespace != key.namespace  # type: ignore[attr-defined]
                      or (f"/{key.name}/" not in k.path if isinstance(k, SettingKey)
                          else k.link != key.name)}  # type: ignore[attr-defined]
        self.links = {k: replace(link, master="") if (k.namespace, link.master) == tuple(key) else link
                      for k, link in self.links.items()}

    def state(self) -> KernelState:
        def of(kind: type) -> dict[object, str]:
            return {k: v for k, v in self.facts.items() if isinstance(k, kind)}

        return KernelState(
            sandboxes=self.sandboxes, networks=self.networks, links=self.links, addresses=frozenset(of(AddressKey)),  # type: ignore[arg-type]
            fdb=of(FdbKey), neighbours=of(NeighbourKey), settings=of(SettingKey),  # type: ignore[arg-type]
            rulesets=self.rulesets,
        )


def some_inputs() -> st.SearchStrategy[Inputs]:
    peers = st.lists(st.sampled_from([f"10.0.0.{n}" for n in range(3, 9)]), unique=True)
    networks = st.tuples(peers, st.booleans(), st.booleans()).map(
        lambda drawn: [*([ingress(*drawn[0])] if drawn[1] else []), *([overlay()] if drawn[2] else [])])
    tasks = st.lists(st.integers(20, 30), unique=True).map(
        lambda ns: tuple(task(f"t{n}", f"10.0.0.{n}/24", gwbridge=f"172.18.0.{n}/16") for n in ns))
    ports = st.lists(st.integers(80, 83), unique=True).map(lambda ns: tuple(endpoint(n, "10.0.0.20") for n in ns))
    node = st.sampled_from(["192.168.50.1", "192.168.50.7"])
    return st.builds(lambda n, e, s, address: replace(inputs(*n, endpoints=e, sandboxes=s), node_address=address),
                     networks, ports, tasks, node)


@settings(deadline=None)
@given(some_inputs(), some_inputs())
def test_from_any_state_to_any_other(before: Inputs, after: Inputs) -> None:
    kernel, wanted = Model(wanted_state(before)), wanted_state(after)
    for operation in diff(wanted, kernel.state()):
        kernel.do(operation)
    assert diff(wanted, kernel.state()) == []


def test_nothing_to_do_where_all_is_as_wanted() -> None:
    state = wanted_state(inputs(ingress("10.0.0.3"), sandboxes=(task("t", "10.0.0.5/24"),)))
    assert diff(state, state) == []


def test_a_new_underlay_address_makes_the_vxlan_device_anew_with_all_that_was_on_it() -> None:
    before = wanted_state(inputs(ingress("10.0.0.3")))
    after = wanted_state(replace(inputs(ingress("10.0.0.3")), node_address="192.168.50.7"))
    operations = diff(after, before)
    assert operations[0] == DeleteLinks("", ("vx-4096",))
    assert sum(isinstance(operation, Put) for operation in operations) == 3
    assert not [operation for operation in operations if isinstance(operation, Drop)]


def test_a_peer_that_moved_to_another_node() -> None:
    before = wanted_state(inputs(ingress("10.0.0.3")))
    key = FdbKey("", "vx-4096", "02:42:0a:00:00:03", "vxlan")
    moved = replace(before, fdb={**before.fdb, key: "192.168.50.3"})
    assert [str(operation) for operation in diff(moved, before)] == [
        "not wanted: forwarding of 02:42:0a:00:00:03 on vx-4096 to node 192.168.50.2",
        "missing: forwarding of 02:42:0a:00:00:03 on vx-4096 to node 192.168.50.3",
    ]


def test_a_link_of_somebody_else_is_not_touched_and_named() -> None:
    wanted = wanted_state(Inputs())
    with pytest.raises(errors.FailedPrecondition, match="a link docker0 that swarmd did not make"):
        diff(wanted, KernelState(foreign=frozenset({"docker0", "eth0"})))


def test_what_differs_is_said() -> None:
    link = wanted_state(Inputs()).links[LinkKey("", "docker0")]
    assert difference(link, replace(link, mtu=1400)) == "mtu is 1400, should be 1500"
    assert difference(replace(link, mac=""), link) == ""
