"""Owns the TLS settings between nodes: version, ciphers, who must show a certificate. Knows files, no sockets.

Counterpart: swarmkit/ca/config.go (NewServerTLSConfig, NewClientTLSConfig) and node/node.go's certificate paths.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, replace
from pathlib import Path

from swarmkit_py.ca.keyfile import WRONG_KEY, KeyFile, is_locked, read_key_file
from swarmkit_py.errors import Internal, Unauthenticated

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass
class CertificateFiles:
    """Where a node keeps its identity. OpenSSL reads key and certificate from files only, so they stay files.

    `unlock_key`: what the key file is locked with; "" for one that is not (kept in memory only)."""

    folder: Path
    unlock_key: str = ""

    @property
    def root(self) -> Path:
        return self.folder / "swarm-root-ca.crt"

    @property
    def cert(self) -> Path:
        return self.folder / "swarm-node.crt"

    @property
    def key(self) -> Path:
        return self.folder / "swarm-node.key"

    def save(self, *, root: str, cert: str, key: str, data_key: bytes | None = None) -> None:
        """All, readable by this user only. The certificate comes last: what has one has the rest."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.save_root(root)
        self._write(KeyFile(key, cert, data_key))
        write_private(self.cert, cert.encode())

    def save_root(self, root: str) -> None:
        """The certificate that this node trusts."""
        write_private(self.root, root.encode())

    def save_pair(self, *, cert: str, key: str) -> None:
        """Renewal. Raises what `read` raises."""
        self._write(self.read().with_pair(key, cert))
        write_private(self.cert, cert.encode())

    def save_data_key(self, data_key: bytes | None) -> None:
        """The key of this manager's store (None: it has none)."""
        self._write(replace(self.read(), data_key=data_key))

    def read(self) -> KeyFile:
        """The keys in clear. Raises Unauthenticated if they are locked with another key, Internal if they cannot be
        read."""
        try:
            found = read_key_file(self.key.read_text(), self.unlock_key)
            return found if found.chain else replace(found, chain=self.cert.read_text())
        except OSError as error:
            raise Internal(f"the node's keys cannot be read ({error}): restore them, or leave the swarm with "
                           '"docker swarm leave --force"') from None

    def chain(self) -> str:
        """This node's certificate, and what leads from it to the root."""
        text = self.key.read_text()
        return text if "BEGIN CERTIFICATE" in text else self.cert.read_text()

    def locked(self) -> bool:
        """True if the keys on disk are locked."""
        try:
            return is_locked(self.key.read_text())
        except OSError:
            return False

    def lock_with(self, unlock_key: str) -> None:
        """Lock the keys with this key from now on ("": in clear). Nothing is written if that is so already."""
        if unlock_key == self.unlock_key and self.locked() is bool(unlock_key):
            return
        content = self.read()
        self.unlock_key = unlock_key
        self._write(content)

    def _write(self, content: KeyFile) -> None:
        write_private(self.key, content.text(self.unlock_key).encode())


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step, mode 0600, on disk before it is visible."""
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def server_context(files: CertificateFiles) -> ssl.SSLContext:
    """For a manager. A client certificate is verified if shown; who joins has none yet."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_OPTIONAL
    load_identity(context, files)
    return context


def client_context(files: CertificateFiles) -> ssl.SSLContext:
    """For a node that is a member: shows its certificate, and expects a manager's of the same root."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    load_identity(context, files)
    return context


def load_identity(context: ssl.SSLContext, files: CertificateFiles) -> None:
    """Load root, certificate and key. (A root once loaded stays: to trust another one, make another context.)"""
    context.load_verify_locations(cadata=files.root.read_text())
    chain = files.key if "BEGIN CERTIFICATE" in files.key.read_text() else files.cert
    context.load_cert_chain(chain, files.key, password=files.unlock_key or _no_password)


def _no_password() -> str:
    """Instead of OpenSSL's own question on the terminal."""
    raise Unauthenticated(WRONG_KEY)


def pinned_context(root_pem: str) -> ssl.SSLContext:
    """For a joiner that has checked the root against its token: no certificate of its own yet."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root_pem)
    return context


def unverified_context() -> ssl.SSLContext:
    """Only for asking a manager for its root, which is then checked against the token's digest."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context
