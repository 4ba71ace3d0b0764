"""Owns the cluster in Docker's JSON, both ways. Counterpart: moby/daemon/cluster/convert/swarm.go."""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from swarmkit_py.docker_api.call import convert_body
from swarmkit_py.docker_api.convert import Json, meta, plain
from swarmkit_py.errors import Unimplemented
from swarmkit_py.model.objects import Cluster
from swarmkit_py.model.specs import SECOND, CAConfig, ClusterSpec

_RAFT: Json = {
    "SnapshotInterval": 10000, "KeepOldSnapshots": 0, "LogEntriesForSlowFollowers": 500,
    "ElectionTick": 10, "HeartbeatTick": 1,
}
_CERT_EXPIRY = 90 * 24 * 3600 * SECOND


def cluster_spec(body: Json) -> ClusterSpec:
    """The spec a client sent. Raises InvalidArgument; Unimplemented for what the kit's certificate authority and
    key store cannot do yet."""
    spec = convert_body(body, ClusterSpec)
    if spec.encryption_config.auto_lock_managers:
        raise Unimplemented("autolock is not there yet in this kit: leave --autolock out")
    ca = spec.ca_config
    if ca.external_cas or ca.signing_ca_cert or ca.signing_ca_key:
        raise Unimplemented("an external or own certificate authority is not there yet in this kit")
    return spec


def refuse_ca_rotation(old: CAConfig, new: CAConfig) -> None:
    """Raises Unimplemented if the update asks for a new root certificate."""
    if (new.force_rotate or 0) != (old.force_rotate or 0):
        raise Unimplemented("docker swarm ca --rotate is not there yet in this kit")


def cluster_json(cluster: Cluster, *, tokens: bool) -> Json:
    """The cluster as `GET /swarm` shows it; without `tokens` as `docker info` does."""
    answer = meta(cluster)
    answer["Spec"] = _spec_json(cluster.spec)
    answer["TLSInfo"] = tls_info(cluster.root_ca)
    answer["RootRotationInProgress"] = False
    answer["DefaultAddrPool"] = list(cluster.default_addr_pool)
    answer["SubnetSize"] = cluster.subnet_size
    answer["DataPathPort"] = cluster.data_path_port
    if tokens:
        answer["JoinTokens"] = {"Worker": cluster.join_tokens.worker, "Manager": cluster.join_tokens.manager}
    return answer


def _spec_json(spec: ClusterSpec) -> Json:
    """The spec with the values that count where nothing was said (0 is Go's way of not saying)."""
    said: Json = plain(spec)
    raft = {key: value for key, value in said.get("Raft", {}).items() if value}
    dispatcher = said.get("Dispatcher", {})
    ca = said.get("CAConfig", {})
    return {
        "Name": spec.name,
        "Labels": dict(spec.labels),
        "Orchestration": {"TaskHistoryRetentionLimit": 5, **said.get("Orchestration", {})},
        "Raft": {**_RAFT, **raft},
        "Dispatcher": {"HeartbeatPeriod": dispatcher.get("HeartbeatPeriod") or 5 * SECOND},
        "CAConfig": {**ca, "NodeCertExpiry": ca.get("NodeCertExpiry") or _CERT_EXPIRY},
        "TaskDefaults": said.get("TaskDefaults", {}),
        "EncryptionConfig": {"AutoLockManagers": spec.encryption_config.auto_lock_managers},
    }


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
