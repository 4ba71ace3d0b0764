"""Certificates say who a node is; tokens let nodes in; the CA decides by both."""

from __future__ import annotations

import asyncio
import random
import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from msgspec.structs import replace

from swarmkit_py.ca.renewal import renewal_loop, renewal_moment
from swarmkit_py.ca.root import (
    BACKDATE,
    NODE_VALIDITY,
    create_key_and_request,
    create_root,
    identity_of_pem,
    issue,
    signed_by,
    tls_info,
    validity_of,
)
from swarmkit_py.ca.server import CAServer
from swarmkit_py.ca.tls import CertificateFiles, client_context, server_context
from swarmkit_py.ca.tokens import new_token, parse_token, root_digest, same_token
from swarmkit_py.clock import ManualClock
from swarmkit_py.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied, Unavailable
from swarmkit_py.ids import Ids
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import Cluster, JoinTokens, Node
from swarmkit_py.model.specs import ClusterSpec
from swarmkit_py.model.states import Availability, Role
from swarmkit_py.rpc.wire import Empty, IssueRequest, RenewRequest
from swarmkit_py.store.memory import Store

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
ROOT = create_root(NOW)
WORKER = Identity(node_id="n" * 25, cluster_id="c" * 25, role=Role.WORKER)


def certificate(identity: Identity = WORKER) -> str:
    return issue(ROOT, create_key_and_request()[1], identity, NOW)


def test_a_certificate_carries_the_identity_and_its_times() -> None:
    for role in Role:
        wanted = replace(WORKER, role=role)
        cert = certificate(wanted)
        assert identity_of_pem(cert) == wanted
        assert validity_of(cert) == (NOW - BACKDATE, NOW + NODE_VALIDITY)
        assert signed_by(cert, ROOT.cert_pem)


def test_the_root_is_a_ca_for_twenty_years_and_signs_for_nobody_else() -> None:
    root = x509.load_pem_x509_certificate(ROOT.cert_pem.encode())
    assert root.subject.rfc4514_string() == "CN=swarm-ca"
    assert root.not_valid_after_utc - NOW == timedelta(seconds=630_720_000)
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not signed_by(certificate(), create_root(NOW).cert_pem)


def test_only_a_manager_s_certificate_has_the_manager_s_name() -> None:
    def names(role: Role) -> list[str]:
        cert = x509.load_pem_x509_certificate(certificate(replace(WORKER, role=role)).encode())
        found = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return found.get_values_for_type(x509.DNSName)

    assert "swarm-manager" in names(Role.MANAGER)
    assert "swarm-manager" not in names(Role.WORKER)


@pytest.mark.parametrize("request_pem", ["", "garbage", ROOT.cert_pem])
def test_what_is_no_request_is_refused(request_pem: str) -> None:
    with pytest.raises(InvalidArgument):
        issue(ROOT, request_pem, WORKER, NOW)


def test_tls_info_is_the_root_s() -> None:
    info = tls_info(ROOT.cert_pem)
    assert info.trust_root == ROOT.cert_pem
    assert info.cert_issuer_subject == "MBMxETAPBgNVBAMMCHN3YXJtLWNh"  # CN=swarm-ca, as Docker encodes a name
    assert info.cert_issuer_public_key.startswith("MFkwEwYHKoZIzj0C")


def test_a_token_has_docker_s_form_and_pins_the_root() -> None:
    token = new_token(ROOT.cert_pem)
    prefix, version, digest, secret = token.split("-")
    assert (prefix, version, len(digest), len(secret)) == ("SWMTKN", "1", 50, 25)
    assert parse_token(token).digest == root_digest(ROOT.cert_pem)
    assert new_token(ROOT.cert_pem) != token


@pytest.mark.parametrize("text", [
    "", "abc", "SWMTKN-1-bad", "SWMTKN-1-" + "z" * 50 + "-" + "0" * 25, "SWMTKN-2-" + "0" * 50 + "-" + "0" * 25,
    "SWMTKN-1-" + "0" * 50 + "-" + "0" * 25 + "\n",
])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(InvalidArgument, match="^invalid join token$"):
        parse_token(text)


def test_an_empty_token_never_matches() -> None:
    assert not same_token("", "")
    assert same_token("x", "x")


class Manager:
    """A store with a cluster, and its CA."""

    def __init__(self) -> None:
        clock = ManualClock(NOW)
        self.store = Store(clock)
        self.ca = CAServer(self.store, clock, Ids(1))
        self.tokens = JoinTokens(worker=new_token(ROOT.cert_pem), manager=new_token(ROOT.cert_pem))
        cluster = Cluster(id="c" * 25, spec=ClusterSpec(), root_ca=ROOT.cert_pem, root_key=ROOT.key_pem,
                          join_tokens=self.tokens)
        self.store.update(lambda tx: tx.create(cluster))

    async def join(self, token: str, availability: str = "active") -> str:
        request = IssueRequest(csr=create_key_and_request()[1], token=token, availability=availability)
        return (await self.ca.issue(None, request)).certificate


async def test_the_right_token_makes_a_node() -> None:
    manager = Manager()
    cert = await manager.join(manager.tokens.worker, "drain")
    (node,) = manager.store.all(Node)
    assert identity_of_pem(cert) == Identity(node_id=node.id, cluster_id="c" * 25, role=Role.WORKER)
    assert (node.spec.role, node.spec.availability) == (Role.WORKER, Availability.DRAIN)


async def test_other_tokens_make_none() -> None:
    manager = Manager()
    for token in ("", "x", new_token(ROOT.cert_pem)):
        with pytest.raises(InvalidArgument, match="A valid join token is necessary to join this cluster"):
            await manager.join(token)
    with pytest.raises(FailedPrecondition, match="etcd"):
        await manager.join(manager.tokens.manager)
    with pytest.raises(InvalidArgument, match="availability"):
        await manager.join(manager.tokens.worker, "asleep")
    assert manager.store.all(Node) == []


async def test_a_member_renews_and_a_removed_one_does_not() -> None:
    manager = Manager()
    member = identity_of_pem(await manager.join(manager.tokens.worker))
    request = RenewRequest(csr=create_key_and_request()[1])
    renewed = await manager.ca.renew(member, request)
    assert identity_of_pem(renewed.certificate) == member
    cluster = manager.store.all(Cluster)[0]
    manager.store.update(lambda tx: tx.update(replace(cluster, removed_nodes=[member.node_id])))
    with pytest.raises(PermissionDenied):
        await manager.ca.renew(member, request)
    with pytest.raises(NotFound):
        await manager.ca.renew(replace(member, node_id="nobody"), request)


async def test_without_a_cluster_there_is_no_root() -> None:
    clock = ManualClock(NOW)
    with pytest.raises(Unavailable):
        await CAServer(Store(clock), clock, Ids(1)).root(None, Empty())


@pytest.mark.parametrize("seed", range(20))
def test_renewal_falls_between_half_and_four_fifths(seed: int) -> None:
    end = NOW + timedelta(days=100)
    moment = renewal_moment(NOW, end, random.Random(seed))
    assert NOW + timedelta(days=50) <= moment <= NOW + timedelta(days=80)


async def test_renewal_happens_once_and_is_tried_again_after_a_failure() -> None:
    clock = ManualClock(NOW)
    tries: list[float] = []
    validity = [(NOW, NOW + timedelta(hours=10))]

    async def renew() -> None:
        tries.append(clock.monotonic())
        if len(tries) < 3:
            raise Unavailable("no manager")
        validity[0] = (clock.now(), clock.now() + timedelta(days=1000))

    loop = asyncio.create_task(renewal_loop(clock, random.Random(1), lambda: validity[0], renew))
    await clock.advance(9 * 3600)
    loop.cancel()
    assert 5 * 3600 <= tries[0] <= 8 * 3600
    assert [round(later - tries[0]) for later in tries] == [0, 5, 15]


def test_contexts_load_what_was_saved_even_after_half_a_renewal(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "certificates")
    key, csr = create_key_and_request()
    files.save(root=ROOT.cert_pem, cert=issue(ROOT, csr, WORKER, NOW), key=key)
    assert {path.stat().st_mode & 0o777 for path in files.folder.iterdir()} == {0o600}
    new_key, new_csr = create_key_and_request()
    new_cert = issue(ROOT, new_csr, WORKER, NOW)
    old_cert = files.cert.read_text()
    files.save_pair(cert=new_cert, key=new_key)
    files.cert.write_text(old_cert)  # as if the power had failed between the two files
    assert client_context(files).minimum_version is ssl.TLSVersion.TLSv1_2
    assert server_context(files).verify_mode is ssl.CERT_OPTIONAL
    assert identity_of_pem(files.chain()) == WORKER
    loaded = x509.load_pem_x509_certificate(files.chain().encode()).public_key()
    key_object = serialization.load_pem_private_key(new_key.encode(), None).public_key()
    assert loaded == key_object
