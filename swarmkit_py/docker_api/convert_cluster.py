"""Owns the cluster in Docker's JSON. Counterpart: moby/daemon/cluster/convert/swarm.go."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.manager.defaults import cluster_with_defaults
from swarmkit_py.model.objects import Cluster


def cluster_json(cluster: Cluster, *, tokens: bool) -> Json:
    """The cluster as `GET /swarm` shows it; without `tokens` as `docker info` does."""
    answer = meta(cluster)
    answer["Spec"] = {"Name": cluster.spec.name, **plain(cluster_with_defaults(cluster.spec))}
    rotation = cluster.root_rotation
    answer["TLSInfo"] = {**tls_info(rotation.ca_cert if rotation else cluster.root_ca), "TrustRoot": cluster.root_ca}
    answer["RootRotationInProgress"] = rotation is not None
    answer["DefaultAddrPool"] = list(cluster.default_addr_pool)
    answer["SubnetSize"] = cluster.subnet_size
    answer["DataPathPort"] = cluster.data_path_port
    if tokens:
        answer["JoinTokens"] = {"Worker": cluster.join_tokens.worker, "Manager": cluster.join_tokens.manager}
    return answer


@lru_cache(maxsize=8)
def _issuer(root_ca: str) -> tuple[str, str]:
    certificate = x509.load_pem_x509_certificate(root_ca.encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(certificate.subject.public_bytes()).decode(), base64.b64encode(key).decode()


def tls_info(root_ca: str) -> Json:
    """The root certificate with its subject and public key, base64 of DER."""
    if not root_ca:
        return {}
    subject, key = _issuer(root_ca)
    return {"TrustRoot": root_ca, "CertIssuerSubject": subject, "CertIssuerPublicKey": key}
