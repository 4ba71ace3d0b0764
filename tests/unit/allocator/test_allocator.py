"""The allocator over a store: what each object is given, when, and what it says when there is nothing left."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import Unavailable
from swarmkit_py.manager.allocator import Allocator
from swarmkit_py.manager.allocator.books import Books
from swarmkit_py.model.objects import (
    Attachment,
    Endpoint,
    Network,
    Node,
    Object,
    Service,
    StoreObject,
    Task,
    VirtualIP,
)
from swarmkit_py.model.specs import EndpointSpec, NetworkAttachmentConfig, NetworkSpec
from swarmkit_py.model.states import TaskState
from swarmkit_py.store.memory import Store, Transaction
from tests.builders import cluster, in_state, network, node, port, service, task


class Rig:
    """An allocator that works when told to; nothing waits."""

    def __init__(self, *, subnet: str = "10.0.0.0/24", nodes: int = 3, journal: Disk | None = None) -> None:
        self.clock = ManualClock()
        self.store = Store(self.clock, journal)
        hosts = [node(f"n{number}") for number in range(1, nodes + 1)]
        self.add(cluster(), network(subnet=subnet), *hosts)
        self.start()

    def start(self) -> None:
        """A new allocator on the same store, as after a restart."""
        self.watch = self.store.watch(Network, Node, Service, Task)
        self.allocator = Allocator(self.store, self.clock)
        self.allocator.look_at_everything()
        self.settle()

    def add(self, *objects: Object) -> None:
        self.store.update(lambda tx: [tx.create(obj) for obj in objects])

    def settle(self) -> None:
        """Let it work until it has nothing to do."""
        busy = True
        while busy:
            changes = self.watch.take()
            for change in changes:
                self.allocator.notice(change)
            busy = self.allocator.tick() is not None or bool(changes)

    def change(self, *objects: Object) -> None:
        self.store.update(lambda tx: [tx.update(obj) for obj in objects])
        self.settle()

    def service(self, of: Service, replicas: int = 1) -> Service:
        """Store a service with its NEW tasks, let the allocator work, and return the service as it is then."""
        self.add(of, *(task(of, slot) for slot in range(1, replicas + 1)))
        self.settle()
        stored = self.store.get(Service, of.id)
        assert stored is not None
        return stored

    def tasks(self, of: Service) -> list[Task]:
        return self.store.find(Task, service_id=of.id)

    def addresses(self, of: Service) -> list[str]:
        return [address for t in self.tasks(of) for a in t.networks for address in a.addresses]


class Disk:
    """A journal that can be full."""

    full = False

    def append(self, index: int, writes: list[tuple[type[Object], str, StoreObject | None]]) -> None:
        if self.full:
            raise Unavailable("full")

    def load(self) -> tuple[int, list[StoreObject]]:
        return 0, []

    def close(self) -> None: ...


def test_a_published_service_gets_what_a_real_swarm_gave_it() -> None:
    rig = Rig()
    web = rig.service(service("web", replicas=5, ports=[port(80)]), 5)
    asked = EndpointSpec(mode="vip", ports=[port(80)])
    assert web.endpoint == Endpoint(
        spec=asked, ports=[port(80)], virtual_ips=[VirtualIP(network_id="network-ingress", addr="10.0.0.5/24")])
    assert rig.addresses(web) == [f"10.0.0.{last}/24" for last in range(6, 11)]
    assert [n.attachments for n in rig.store.all(Node)] == [
        [Attachment(network_id="network-ingress", addresses=[f"10.0.0.{last}/24"])] for last in (2, 3, 4)]
    first = rig.tasks(web)[0]
    assert (first.status.state, first.status.message) == (TaskState.PENDING, "pending task scheduling")
    assert first.endpoint == web.endpoint


@pytest.mark.parametrize("ports", [None, [port(8080, mode="host")]])
def test_without_ingress_ports_there_is_no_place_on_ingress(ports: list[object]) -> None:
    rig = Rig()
    web = rig.service(service("web", ports=ports))
    assert web.endpoint is not None
    assert web.endpoint.virtual_ips is None
    assert web.endpoint.ports == ports
    assert rig.tasks(web)[0].networks == []
    assert rig.tasks(web)[0].status.state is TaskState.PENDING


def test_a_service_without_ports_and_networks_shows_an_empty_endpoint() -> None:
    assert Rig().service(service("web")).endpoint == Endpoint(spec=EndpointSpec())


def test_ports_without_a_number_get_one_and_keep_it() -> None:
    rig = Rig()
    web = rig.service(service("web", ports=[port(), port(), port(80), port(protocol="udp")]))
    assert web.endpoint is not None
    assert [p.published_port for p in web.endpoint.ports or []] == [30000, 30001, 80, 30000]
    rig.change(replace(web, spec=replace(web.spec, labels={"a": "b"})))
    after = rig.store.get(Service, web.id)
    assert after is not None
    assert after.endpoint == web.endpoint


def test_a_removed_service_gives_its_port_back() -> None:
    rig = Rig()
    web = rig.service(service("web", ports=[port(30000)]))
    other = rig.service(service("other", ports=[port()]))
    assert other.endpoint is not None
    assert [p.published_port for p in other.endpoint.ports or []] == [30001]
    rig.store.update(lambda tx: tx.delete(Service, web.id))
    again = rig.service(service("again", ports=[port(30000)]))
    assert again.endpoint is not None
    assert [p.published_port for p in again.endpoint.ports or []] == [30000]


def test_a_task_that_finds_no_address_says_who_has_them_and_gets_one_later() -> None:
    rig = Rig(subnet="10.0.0.0/29", nodes=1)
    web = rig.service(service("web", ports=[port(80)]), 5)
    placed = [t for t in rig.tasks(web) if t.status.state is TaskState.PENDING]
    stuck = [t for t in rig.tasks(web) if t.status.state is TaskState.NEW]
    assert (len(placed), len(stuck)) == (3, 2)
    assert {t.status.err for t in stuck} == {
        "no free address on network ingress (10.0.0.0/29): 5 of 5 are taken, by 1 VIP, 3 tasks, 1 node"}
    rig.change(in_state(placed[0], TaskState.FAILED))
    served = rig.store.get(Task, stuck[0].id)
    assert served is not None
    assert (served.status.state, served.status.err) == (TaskState.PENDING, "")
    assert served.networks[0].addresses == placed[0].networks[0].addresses
    assert [t.id for t in rig.tasks(web) if t.status.state is TaskState.NEW] == [stuck[1].id]


def test_an_address_is_held_until_the_end_of_its_task_is_observed() -> None:
    rig = Rig(subnet="10.0.0.0/29", nodes=1)
    web = rig.service(service("web", ports=[port(80)]), 4)
    first = rig.tasks(web)[0]
    rig.change(replace(in_state(first, TaskState.RUNNING), desired_state=TaskState.REMOVE))
    assert len([t for t in rig.tasks(web) if t.status.state is TaskState.NEW]) == 1
    rig.store.update(lambda tx: tx.delete(Task, first.id))
    rig.settle()
    assert [t for t in rig.tasks(web) if t.status.state is TaskState.NEW] == []


def test_a_service_without_an_address_of_its_own_tells_its_tasks() -> None:
    rig = Rig(subnet="10.0.0.0/30", nodes=1)
    web = rig.service(service("web", ports=[port(80)]))
    assert web.endpoint is None
    reason = rig.tasks(web)[0].status.err
    assert reason.startswith("no free address on network ingress (10.0.0.0/30): 1 of 1")
    rig.store.update(lambda tx: tx.delete(Node, "node-n1"))
    rig.settle()
    after = rig.store.get(Service, web.id)
    assert after is not None
    assert after.endpoint is not None, "the node's address was freed"


def on_network(of: Service, network_id: str) -> Service:
    template = replace(of.spec.task_template, networks=[NetworkAttachmentConfig(target=network_id)])
    return replace(of, spec=replace(of.spec, task_template=template))


def test_who_cannot_be_given_all_is_given_nothing() -> None:
    """Two networks, the second with a single address: none of the first may leak away."""
    rig = Rig(nodes=0)
    rig.add(network("small", subnet="10.9.0.0/30"))
    first = rig.service(on_network(service("first", ports=[port(80)]), "network-small"), 2)
    second = rig.service(on_network(service("second", ports=[port(81)]), "network-small"), 1)
    assert (rig.addresses(first), second.endpoint) == ([], None)
    assert "network small" in rig.tasks(first)[0].status.err
    assert list(rig.allocator._books.pools["network-ingress"]._holders.values()) == [("service", first.id)]


def test_tasks_go_on_when_their_service_s_trouble_is_over() -> None:
    rig = Rig()
    rig.service(service("first", ports=[port(80)]))
    second = rig.service(service("second", ports=[port(80)]))
    assert rig.tasks(second)[0].status.err == (
        "port '80' is already in use by service 'first' (service-first) as an ingress port")
    rig.change(replace(second, spec=service("second", ports=[port(81)]).spec))
    assert (rig.tasks(second)[0].status.state, rig.tasks(second)[0].status.err) == (TaskState.PENDING, "")


def test_after_a_restart_nothing_is_given_twice() -> None:
    rig = Rig()
    web = rig.service(service("web", ports=[port(80), port()]), 5)
    nodes = rig.store.all(Node)
    rig.start()
    assert rig.store.get(Service, web.id) == web
    assert rig.store.all(Node) == nodes
    rig.add(*(task(web, slot) for slot in range(6, 9)))
    rig.settle()
    addresses = rig.addresses(web)
    assert len(set(addresses)) == 8
    other = rig.service(service("other", ports=[port()]))
    assert other.endpoint is not None
    assert [p.published_port for p in other.endpoint.ports or []] == [30001]


def test_the_books_can_be_had_again_from_the_tables() -> None:
    rig = Rig()
    web = rig.service(service("web", ports=[port(80)]), 9)
    for number, one in enumerate(rig.tasks(web)):
        rig.change(in_state(one, TaskState.FAILED if number % 2 else TaskState.RUNNING))
    kept, fresh = rig.allocator._books, Books(rig.store)
    assert kept.pools["network-ingress"]._holders == fresh.pools["network-ingress"]._holders
    assert kept.ports._holders == fresh.ports._holders


@pytest.mark.parametrize(("desired", "state"), [
    (TaskState.SHUTDOWN, TaskState.PENDING), (TaskState.REMOVE, TaskState.NEW),
])
def test_a_task_given_up_before_it_began_takes_no_address(desired: TaskState, state: TaskState) -> None:
    rig = Rig()
    web = service("web", ports=[port(80)])
    rig.add(web, task(web, desired=desired))
    rig.settle()
    assert (rig.addresses(web), rig.tasks(web)[0].status.state) == ([], state)


def test_a_full_disk_gives_nothing_away() -> None:
    disk = Disk()
    rig = Rig(journal=disk)
    web = service("web", ports=[port(80)])
    rig.add(web, task(web))
    disk.full = True
    with pytest.raises(Unavailable):
        rig.settle()
    disk.full = False
    rig.allocator.look_at_everything()
    rig.settle()
    assert rig.addresses(web) == ["10.0.0.6/24"]


def test_a_network_gets_subnet_and_identifier_and_its_service_an_address_there() -> None:
    rig = Rig()
    rig.add(Network(id="back", spec=NetworkSpec(name="back")))
    rig.settle()
    back = rig.store.get(Network, "back")
    assert back is not None
    assert (back.subnet, back.gateway, back.vni) == ("10.0.1.0/24", "10.0.1.1", 4097)
    db = rig.service(on_network(service("db", ports=[port(80)]), "back"))
    assert db.endpoint is not None
    assert [v.network_id for v in db.endpoint.virtual_ips or []] == ["network-ingress", "back"]
    (one,) = rig.tasks(db)
    assert [a.network_id for a in one.networks] == ["network-ingress", "back"]
    _node_follows_its_tasks(rig, one)


def _node_follows_its_tasks(rig: Rig, one: Task) -> None:
    """A node has an address on a network for as long as a task of its own is there."""
    def networks() -> list[str]:
        host = rig.store.get(Node, "node-n1")
        assert host is not None
        return [a.network_id for a in host.attachments]

    assert networks() == ["network-ingress"]
    rig.change(replace(in_state(one, TaskState.ASSIGNED), node_id="node-n1"))
    assert networks() == ["network-ingress", "back"]
    rig.change(replace(in_state(one, TaskState.SHUTDOWN), node_id="node-n1"))
    assert networks() == ["network-ingress"]


def test_a_task_joins_the_networks_of_the_spec_it_was_made_for() -> None:
    rig = Rig()
    rig.add(network("back", subnet="10.8.0.0/24", vni=4097), network("front", subnet="10.9.0.0/24", vni=4098))
    db = service("db")
    old, new = (replace(db, spec=replace(db.spec, task_template=replace(db.spec.task_template, networks=[
        NetworkAttachmentConfig(target=f"network-{name}")]))) for name in ("back", "front"))
    rig.add(new, task(old))
    rig.settle()
    assert rig.addresses(db) == ["10.8.0.2/24"], "the service has moved on to another network meanwhile"
    stored = rig.store.get(Service, db.id)
    assert stored is not None and stored.endpoint is not None
    assert stored.endpoint.virtual_ips == [VirtualIP(network_id="network-front", addr="10.9.0.2/24")]


def test_a_full_network_keeps_no_node_from_its_addresses_elsewhere() -> None:
    rig = Rig(nodes=1)
    rig.add(network("full", subnet="10.9.0.0/29", vni=4097), network("back", subnet="10.8.0.0/24", vni=4098))
    both = replace(service("db").spec.task_template, networks=[
        NetworkAttachmentConfig(target="network-full"), NetworkAttachmentConfig(target="network-back")])
    db = rig.service(replace(service("db"), spec=replace(service("db").spec, task_template=both)), 4)
    tasks = rig.tasks(db)
    rig.change(*(replace(in_state(t, TaskState.RUNNING), node_id="node-n1") for t in tasks))
    assert _addresses_of(rig, "node-n1") == {"network-ingress": "10.0.0.2/24", "network-back": "10.8.0.7/24"}
    rig.change(replace(in_state(tasks[0], TaskState.FAILED), node_id="node-n1"))
    assert _addresses_of(rig, "node-n1")["network-full"] == "10.9.0.3/29"
    rig.change(*(replace(in_state(t, TaskState.FAILED), node_id="node-n1") for t in tasks[1:]))
    assert _addresses_of(rig, "node-n1") == {"network-ingress": "10.0.0.2/24"}
    fresh = Books(rig.store)
    assert {n: p._holders for n, p in rig.allocator._books.pools.items()} == {
        n: p._holders for n, p in fresh.pools.items()}


def _addresses_of(rig: Rig, node_id: str) -> dict[str, str]:
    host = rig.store.get(Node, node_id)
    assert host is not None
    return {a.network_id: a.addresses[0] for a in host.attachments}


def test_many_tasks_are_served_in_more_than_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swarmkit_py.manager.defaults.BATCH", 10)
    rig = Rig()
    before = rig.store.index
    web = rig.service(service("web"), 35)
    assert {t.status.state for t in rig.tasks(web)} == {TaskState.PENDING}
    assert rig.store.index - before == 1 + 4


async def test_the_loop_serves_what_comes() -> None:
    clock = ManualClock()
    store = Store(clock)
    loop = asyncio.ensure_future(Allocator(store, clock).run())
    await clock.settle()
    web = service("web", ports=[port(80)])

    def change(tx: Transaction) -> None:
        for obj in (cluster(), network(), node("n1"), web, task(web, id="t")):
            tx.create(obj)

    store.update(change)
    await clock.settle()
    served = store.get(Task, "t")
    assert served is not None
    assert served.status.state is TaskState.PENDING
    loop.cancel()
