"""Owns reading `swarm init` and `swarm join` requests: checks them, fills in what was not said. Pure.

Counterpart: moby/daemon/cluster/swarm.go (validateAndSanitizeInitRequest, validateAndSanitizeJoinRequest).
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from swarmkit_py.ca.tokens import JoinToken, parse_token
from swarmkit_py.docker_api.backend import InitRequest, JoinRequest
from swarmkit_py.errors import InvalidArgument, Unimplemented
from swarmkit_py.manager import defaults
from swarmkit_py.model.specs import ClusterSpec, EncryptionConfig
from swarmkit_py.model.states import Availability
from swarmkit_py.node.addresses import split_port
from swarmkit_py.node.options import SWARM_PORT


@dataclass(frozen=True)
class ClusterWish:
    """What a new swarm is to be like."""

    spec: ClusterSpec
    availability: Availability
    default_addr_pool: list[str]
    subnet_size: int
    data_path_port: int


@dataclass(frozen=True)
class Initiating:
    """A new swarm, where its manager listens, and what was said of where others reach it (`advertise_host`: an
    address, an interface or "")."""

    cluster: ClusterWish
    listen_addr: str
    advertise_host: str
    advertise_port: int


@dataclass(frozen=True)
class Joining:
    """A swarm to join: its managers' addresses with ports, the token taken apart and as written ("" for none); and
    where this node listens, and is reached, should it manage."""

    addresses: list[str]
    listen_addr: str
    advertise_host: str
    advertise_port: int
    token: JoinToken | None
    token_text: str
    availability: str


def read_init(request: InitRequest, default_port: int) -> Initiating:
    """Raises InvalidArgument, Unimplemented."""
    _refuse_data_path(request.data_path_addr, request.advertise_addr)
    host, port = split_port(request.listen_addr, SWARM_PORT)
    port = default_port if port == SWARM_PORT else port
    advertise_host, advertise_port = split_port(request.advertise_addr, port)
    wish = ClusterWish(
        spec=_cluster_spec(request), availability=read_availability(request.availability),
        default_addr_pool=request.default_addr_pool or list(defaults.ADDR_POOL),
        subnet_size=request.subnet_size or defaults.SUBNET_SIZE,
        data_path_port=_data_path_port(request.data_path_port),
    )
    return Initiating(wish, f"{host or '0.0.0.0'}:{port}", advertise_host, advertise_port)


def read_join(request: JoinRequest, default_port: int = SWARM_PORT) -> Joining:
    """Raises InvalidArgument, Unimplemented."""
    token = parse_token(request.join_token) if request.join_token else None
    remotes = [text for text in request.remote_addrs or () if text]
    if not remotes:
        raise InvalidArgument("at least 1 RemoteAddr is required to join")
    _refuse_data_path(request.data_path_addr, request.advertise_addr)
    host, port = split_port(request.listen_addr, SWARM_PORT)
    port = default_port if port == SWARM_PORT else port
    advertise_host, advertise_port = split_port(request.advertise_addr, port)
    return Joining(
        addresses=[":".join(map(str, split_port(text, SWARM_PORT))) for text in remotes],
        listen_addr=f"{host or '0.0.0.0'}:{port}", advertise_host=advertise_host, advertise_port=advertise_port,
        token=token,
        token_text=request.join_token, availability=read_availability(request.availability).value,
    )


def _cluster_spec(request: InitRequest) -> ClusterSpec:
    """`--autolock` comes in two places; either will do."""
    spec = request.spec or ClusterSpec()
    if request.auto_lock_managers:
        spec = replace(spec, encryption_config=EncryptionConfig(auto_lock_managers=True))
    return spec


def read_availability(text: str | None) -> Availability:
    """Raises InvalidArgument."""
    try:
        return Availability(text or "active")
    except ValueError:
        raise InvalidArgument(f'invalid availability "{text}": active, pause or drain') from None


def _data_path_port(port: int) -> int:
    if port and not 1024 <= port <= 49151:
        raise InvalidArgument("Datapath port number is not in valid range (1024-49151)")
    return port or defaults.DATA_PATH_PORT


def _refuse_data_path(data_path: str, advertise: str) -> None:
    if data_path and data_path != split_port(advertise, SWARM_PORT)[0]:
        raise Unimplemented("a data path address of its own (--data-path-addr) is not there yet: leave it out")
