"""The key file: both keys and the certificate in one file, in clear or locked with the unlock key."""

from __future__ import annotations

import ssl
from datetime import datetime, timezone
from pathlib import Path

import pytest

from swarmkit_py.ca.keyfile import KeyFile, is_locked, read_key_file
from swarmkit_py.ca.root import create_key_and_request, create_root, issue
from swarmkit_py.ca.tls import CertificateFiles, client_context
from swarmkit_py.ca.unlock_key import key_bytes, new_unlock_key
from swarmkit_py.errors import Internal, InvalidArgument, Unauthenticated
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.states import Role

NOW = datetime.now(timezone.utc)
ROOT = create_root(NOW)
KEY, CSR = create_key_and_request()
CERT = issue(ROOT, CSR, Identity(node_id="n", cluster_id="c", role=Role.MANAGER), NOW)
DATA = bytes(range(32))


def test_unlock_keys_are_made_and_read() -> None:
    key = new_unlock_key()
    assert key.startswith("SWMKEY-1-") and len(key) == 52 and key != new_unlock_key()
    assert len(key_bytes(key)) == 32


@pytest.mark.parametrize("text", ["", "SWMKEY-1-", "SWMKEY-1-abc", "SWMKEY-2-" + "A" * 43, "SWMKEY-1-" + "!" * 43,
                                  "SWMKEY-1-" + "A" * 44, "é"])
def test_what_is_no_unlock_key(text: str) -> None:
    with pytest.raises(InvalidArgument, match="^invalid key string$"):
        key_bytes(text)


@pytest.mark.parametrize("unlock_key", ["", new_unlock_key()], ids=["no key", "a key"])
def test_a_file_is_read_as_it_was_written(unlock_key: str) -> None:
    content = KeyFile(KEY, CERT, DATA)
    text = content.text(unlock_key)
    assert read_key_file(text, unlock_key) == content
    assert is_locked(text) is bool(unlock_key)
    assert ("BEGIN PRIVATE KEY" in text) is not bool(unlock_key)


@pytest.mark.parametrize("wrong", ["", new_unlock_key()], ids=["no key", "a key"])
def test_a_locked_file_opens_with_its_key_only(wrong: str) -> None:
    text = KeyFile(KEY, CERT, DATA).text(new_unlock_key())
    with pytest.raises(Unauthenticated, match="swarm could not be unlocked: invalid key provided"):
        read_key_file(text, wrong)


def test_a_file_without_a_key_is_no_key_file() -> None:
    with pytest.raises(Internal, match="no private key"):
        read_key_file(CERT)


def test_openssl_reads_a_locked_file_and_never_asks_on_the_terminal(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.save(root=ROOT.cert_pem, cert=CERT, key=KEY, data_key=DATA)
    assert not files.locked()
    unlock_key = new_unlock_key()
    files.lock_with(unlock_key)
    assert files.locked()
    assert isinstance(client_context(files), ssl.SSLContext)
    stranger = CertificateFiles(tmp_path)
    with pytest.raises(Unauthenticated):
        client_context(stranger)
    with pytest.raises(Unauthenticated):
        stranger.read()


def test_locking_again_with_another_key_and_unlocking_for_good(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    files.save(root=ROOT.cert_pem, cert=CERT, key=KEY, data_key=DATA)
    for unlock_key in (new_unlock_key(), new_unlock_key(), ""):
        files.lock_with(unlock_key)
        assert CertificateFiles(tmp_path, unlock_key).read() == KeyFile(KEY, CERT, DATA)
    assert not files.locked()


def test_a_renewal_keeps_the_journal_s_key_and_the_lock(tmp_path: Path) -> None:
    unlock_key = new_unlock_key()
    files = CertificateFiles(tmp_path, unlock_key)
    files.save(root=ROOT.cert_pem, cert=CERT, key=KEY, data_key=DATA)
    key, csr = create_key_and_request()
    cert = issue(ROOT, csr, Identity(node_id="n", cluster_id="c", role=Role.MANAGER), NOW)
    files.save_pair(cert=cert, key=key)
    assert files.locked()
    assert CertificateFiles(tmp_path, unlock_key).read() == KeyFile(key, cert, DATA)
