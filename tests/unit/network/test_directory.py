from __future__ import annotations

from swarmkit_py.model.assignment import Backend, NetworkAssignment, ServiceRecord
from swarmkit_py.network.directory import Directory
from tests.unit.network.build import ingress, overlay

RED, GREEN = "net4097", "net4098"


def record(name: str, *backends: str, network: str = RED, vip: str = "10.0.1.2", aliases: tuple[str, ...] = (),
           mode: str = "vip") -> ServiceRecord:
    return ServiceRecord(service_id=name, service_name=name, network_id=network, mode=mode, vip=vip,
                         aliases=list(aliases), backends=[
                             Backend(task_id=address, task_name=f"{name}.{n}", address=address)
                             for n, address in enumerate(backends, 1)])


def directory(*records: ServiceRecord) -> Directory:
    networks: list[NetworkAssignment] = [ingress(), overlay(), overlay(4098)]
    return Directory({network.id: network for network in networks}, records)


def test_a_service_leads_to_its_virtual_address_and_its_tasks_to_theirs() -> None:
    names = directory(record("web", "10.0.1.5", "10.0.1.6", aliases=("www",)))
    assert {name: names.addresses(name, [RED]) for name in ("web", "WWW", "tasks.web", "tasks.www", "web.2")} == {
        "web": ["10.0.1.2"], "WWW": ["10.0.1.2"], "tasks.web": ["10.0.1.5", "10.0.1.6"],
        "tasks.www": ["10.0.1.5", "10.0.1.6"], "web.2": ["10.0.1.6"]}


def test_without_a_virtual_address_the_name_leads_to_the_tasks() -> None:
    names = directory(record("db", "10.0.1.5", "10.0.1.6", vip="", mode="dnsrr"))
    assert names.addresses("db", [RED]) == ["10.0.1.5", "10.0.1.6"]
    assert directory(record("db", vip="", mode="dnsrr")).addresses("db", [RED]) == [], "known, but nobody serves"


def test_a_name_is_known_to_those_who_share_its_network_only() -> None:
    names = directory(record("web", "10.0.1.5"), record("db", "10.0.2.5", network=GREEN, vip="10.0.2.2"),
                      record("mesh", "10.0.0.5", network="ing", vip="10.0.0.9"))
    assert names.addresses("db", [RED]) is None
    assert names.addresses("db", [RED, GREEN]) == ["10.0.2.2"]
    assert names.addresses("mesh", ["ing"]) is None, "ingress has no names"
    assert names.pointer("10.0.2.5", [RED]) is None


def test_the_first_network_that_knows_a_name_decides_unless_another_is_named() -> None:
    names = Directory({n.id: n for n in (
        overlay(), NetworkAssignment(id=GREEN, name="front", vni=4098, subnet="10.0.2.0/24", gateway="10.0.2.1"))},
        [record("web", vip="10.0.1.2"), record("web", vip="10.0.2.2", network=GREEN)])
    assert names.addresses("web", [GREEN, RED]) == ["10.0.2.2"]
    assert names.addresses("web.backend", [GREEN, RED]) == ["10.0.1.2"]
    assert names.addresses("web.elsewhere", [GREEN, RED]) is None


def test_an_alias_of_two_services_leads_to_both() -> None:
    names = directory(record("a", vip="10.0.1.2", aliases=("x",)), record("b", vip="10.0.1.3", aliases=("x",)))
    assert names.addresses("x", [RED]) == ["10.0.1.2", "10.0.1.3"]


def test_addresses_have_names_too() -> None:
    names = directory(record("web", "10.0.1.5"))
    assert names.pointer("10.0.1.5", [RED]) == "web.1.backend"
    assert names.pointer("10.0.1.2", [RED]) == "web.backend"
    assert names.pointer("10.0.1.77", [RED]) is None
    assert names.covers("10.0.1.77", [RED])
    assert not names.covers("10.9.9.9", [RED])
