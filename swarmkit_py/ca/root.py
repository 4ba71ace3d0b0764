"""Owns the root certificate and the certificates it signs. Pure: bytes in, bytes out; time is an argument.

A certificate *is* a node's identity: common name = node id, organisation = cluster id, organisational unit = role.
Must not know: tokens, the store, files. Counterpart: swarmkit/ca/certificates.go and ca/config.go.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from swarmkit_py.errors import InvalidArgument
from swarmkit_py.model.identity import Identity
from swarmkit_py.model.objects import TLSInfo
from swarmkit_py.model.states import Role

ROOT_NAME = "swarm-ca"
ROOT_VALIDITY = timedelta(seconds=630_720_000)
MIN_ROOT_VALIDITY = timedelta(days=365)
"""Of a root that a user brings."""
NODE_VALIDITY = timedelta(hours=2160)
BACKDATE = timedelta(hours=1)
"""A node whose clock is behind must be able to use its certificate at once."""

UNITS = {Role.WORKER: "swarm-worker", Role.MANAGER: "swarm-manager"}
MANAGER_NAME = UNITS[Role.MANAGER]
"""The TLS server name a node expects: any manager of the swarm will do."""


@dataclass(frozen=True)
class RootCA:
    """The root certificate, and its key where this node may sign."""

    cert_pem: str
    key_pem: str


def create_root(now: datetime, common_name: str = ROOT_NAME) -> RootCA:
    """A new self-signed root, valid for 20 years from `now`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    public = key.public_key()
    builder = (
        _builder(name, name, now, ROOT_VALIDITY).public_key(public)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )
    cert = builder.sign(key, hashes.SHA256())
    return RootCA(cert_pem=_pem(cert), key_pem=_key_pem(key))


def create_key_and_request() -> tuple[str, str]:
    """A fresh private key and the request to certify it, both PEM. The CA decides on the names, not the request."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder(subject_name=x509.Name([])).sign(key, hashes.SHA256())
    return _key_pem(key), request.public_bytes(serialization.Encoding.PEM).decode()


def issue(root: RootCA, csr_pem: str, identity: Identity, now: datetime, validity: timedelta = NODE_VALIDITY) -> str:
    """The node's certificate, PEM. Raises InvalidArgument for a request that is none or whose signature is wrong."""
    names = [x509.DNSName(UNITS[identity.role]), x509.DNSName(identity.node_id)]
    return sign(root, csr_pem, identity, names, now, validity)


def sign(
    root: RootCA, csr_pem: str, identity: Identity, names: Sequence[x509.GeneralName], now: datetime,
    validity: timedelta,
) -> str:
    """As `issue`, for these names of the node."""
    request = _load_request(csr_pem)
    issuer = x509.load_pem_x509_certificate(root.cert_pem.encode())
    builder = (
        _builder(_subject(identity), issuer.subject, now, validity).public_key(request.public_key())
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(_both_sides(), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(_authority(issuer), critical=False)
    )
    return _pem(builder.sign(_signing_key(root.key_pem), hashes.SHA256()))


def cross_sign(old: RootCA, new: RootCA, now: datetime) -> str:
    """The new root's name and key under the old root's signature, PEM: who trusts the old root then trusts what the
    new one signs."""
    issuer = x509.load_pem_x509_certificate(old.cert_pem.encode())
    wanted = x509.load_pem_x509_certificate(new.cert_pem.encode())
    until = min(issuer.not_valid_after_utc, wanted.not_valid_after_utc)
    builder = (
        _builder(wanted.subject, issuer.subject, now, until - now).public_key(wanted.public_key())
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_subject_key_id(wanted), critical=False)
        .add_extension(_authority(issuer), critical=False)
    )
    return _pem(builder.sign(_signing_key(old.key_pem), hashes.SHA256()))


def given_root(cert_pem: str, key_pem: str, now: datetime) -> RootCA:
    """A root made elsewhere, checked. Raises InvalidArgument if it is no certificate authority's, expires within a
    year, or the key is not the certificate's."""
    try:
        certs = x509.load_pem_x509_certificates(cert_pem.encode())
    except ValueError:
        raise InvalidArgument("the CA certificate is not a certificate in PEM", rpc=True) from None
    if len(certs) != 1:
        raise InvalidArgument("the desired CA certificate cannot contain multiple certificates", rpc=True)
    _check_authority(certs[0], now)
    try:
        key = _signing_key(key_pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidArgument("the CA key is not an unencrypted private key in PEM (elliptic curve or RSA)",
                              rpc=True) from None
    if _public_der(key.public_key()) != _public_der(certs[0].public_key()):
        raise InvalidArgument("the CA key does not belong to the CA certificate", rpc=True)
    return RootCA(_pem(certs[0]), key_pem)


def _check_authority(cert: x509.Certificate, now: datetime) -> None:
    try:
        authority = cert.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        raise InvalidArgument("the certificate is not a certificate authority's (CA:TRUE is missing)", rpc=True)
    if cert.not_valid_after_utc < now + MIN_ROOT_VALIDITY:
        raise InvalidArgument("CA certificate expires too soon", rpc=True)


def identity_of(der: bytes) -> Identity:
    """Read a (verified!) certificate. Raises InvalidArgument if its names are not a node's."""
    subject = x509.load_der_x509_certificate(der).subject
    unit = _name(subject, NameOID.ORGANIZATIONAL_UNIT_NAME)
    for role, text in UNITS.items():
        if text == unit:
            cluster_id = _name(subject, NameOID.ORGANIZATION_NAME)
            return Identity(node_id=_name(subject, NameOID.COMMON_NAME), cluster_id=cluster_id, role=role)
    raise InvalidArgument(f"the certificate's organisational unit {unit!r} is no role of a swarm node")


def identity_of_pem(cert_pem: str) -> Identity:
    return identity_of(x509.load_pem_x509_certificate(cert_pem.encode()).public_bytes(serialization.Encoding.DER))


def validity_of(cert_pem: str) -> tuple[datetime, datetime]:
    """From when to when a certificate is good, UTC."""
    cert = x509.load_pem_x509_certificate(cert_pem.encode())
    return cert.not_valid_before_utc, cert.not_valid_after_utc


def signed_by(chain_pem: str, root_pem: str) -> bool:
    """True if the chain (the certificate first, then what vouches for it) leads to this root."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode())
    links = [*chain, x509.load_pem_x509_certificate(root_pem.encode())]
    return all(_issued(cert, issuer) for cert, issuer in itertools.pairwise(links))


def _issued(cert: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        cert.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def tls_info(root_pem: str, chain_pem: str = "") -> TLSInfo:
    """What `docker node inspect` and `docker swarm ca` show: the root that is trusted, and who signed. That is the
    root, or what vouches for a node's certificate in its chain."""
    chain = x509.load_pem_x509_certificates(chain_pem.encode()) if chain_pem else []
    cert = chain[1] if len(chain) > 1 else x509.load_pem_x509_certificate(root_pem.encode())
    return TLSInfo(
        trust_root=root_pem,
        cert_issuer_subject=base64.b64encode(cert.subject.public_bytes()).decode(),
        cert_issuer_public_key=base64.b64encode(_public_der(cert.public_key())).decode(),
    )


def _public_der(key: Any) -> bytes:
    data: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return data


def _signing_key(key_pem: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise TypeError(type(key).__name__)
    return key


def _subject_key_id(cert: x509.Certificate) -> x509.SubjectKeyIdentifier:
    """As the certificate says it, or (not all say) as it would."""
    try:
        return cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(cert.public_key())


def _builder(subject: x509.Name, issuer: x509.Name, now: datetime, validity: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE).not_valid_after(now + validity)
    )


def _subject(identity: Identity) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.cluster_id),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, UNITS[identity.role]),
        x509.NameAttribute(NameOID.COMMON_NAME, identity.node_id),
    ])


def _load_request(csr_pem: str) -> x509.CertificateSigningRequest:
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
    except ValueError:
        raise InvalidArgument("the certificate request is not a PKCS#10 request in PEM", rpc=True) from None
    if not request.is_signature_valid or not isinstance(request.public_key(), ec.EllipticCurvePublicKey):
        raise InvalidArgument("the certificate request is not signed by an elliptic-curve key", rpc=True)
    return request


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, key_encipherment=not signs_certificates,
        key_cert_sign=signs_certificates, crl_sign=signs_certificates, content_commitment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )


def _both_sides() -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


def _authority(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_subject_key_id(issuer))


def _name(subject: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = subject.get_attributes_for_oid(oid)
    if len(values) != 1:
        raise InvalidArgument("the certificate's subject is not a swarm node's")
    return str(values[0].value)


def _pem(cert: x509.Certificate) -> str:
    return cert.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
