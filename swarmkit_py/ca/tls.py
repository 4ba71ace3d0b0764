"""Owns the TLS settings between nodes: version, ciphers, who must show a certificate. Knows files, no sockets.

Counterpart: swarmkit/ca/config.go (NewServerTLSConfig, NewClientTLSConfig) and node/node.go's certificate paths.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True)
class CertificateFiles:
    """Where a node keeps its identity. OpenSSL reads key and certificate from files only, so they stay files."""

    folder: Path

    @property
    def root(self) -> Path:
        return self.folder / "swarm-root-ca.crt"

    @property
    def cert(self) -> Path:
        return self.folder / "swarm-node.crt"

    @property
    def key(self) -> Path:
        return self.folder / "swarm-node.key"

    def save(self, *, root: str, cert: str, key: str) -> None:
        """All three, readable by this user only. The certificate comes last: what has one has the rest."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, text in ((self.root, root), (self.key, key), (self.cert, cert)):
            write_private(path, text.encode())

    def save_pair(self, *, cert: str, key: str) -> None:
        """Renewal. Key and certificate travel in one file, so that no crash can part them."""
        write_private(self.key, key.encode() + cert.encode())
        write_private(self.cert, cert.encode())

    def chain_file(self) -> Path:
        """The file to load the certificate from: the key's, if it carries one."""
        return self.key if "BEGIN CERTIFICATE" in self.key.read_text() else self.cert


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
    """(Re)load root, certificate and key: new connections use them, old ones go on."""
    context.load_verify_locations(cadata=files.root.read_text())
    context.load_cert_chain(files.chain_file(), files.key)


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
