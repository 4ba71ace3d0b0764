"""Owns the messages between a node's agent and a manager's dispatcher. Pure data; both sides import it.

One session is one WebSocket. The node says Hello and is answered by Welcome, then Assignments flow down (one
whole set, then differences in sequence) and Heartbeats, StatusReports and log lines flow up.
Counterpart: swarmkit/api/dispatcher.proto and logbroker.proto.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import field

from swarmkit_py.model.assignment import NetworkAssignment, ServiceEndpoint, ServiceRecord
from swarmkit_py.model.objects import Config, NodeDescription, Secret, Task, TaskStatus


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all messages; the class name is the tag on the wire."""


class Hello(Message, frozen=True, kw_only=True):
    """Node → manager, first: who I am. `address`: the underlay address others reach this node's VXLAN end at."""

    description: NodeDescription
    address: str
    data_path_address: str = ""
    can_manage: bool = False
    """This machine has what a manager of several needs."""


class Welcome(Message, frozen=True, kw_only=True):
    """Manager → node, the answer: session id, seconds until the next heartbeat is due, all managers."""

    session_id: str
    heartbeat_period: float
    managers: list[tuple[str, str]] = field(default_factory=list)
    """(node id, `10.7.0.1:2377`)."""
    cluster_id: str = ""
    root: str = ""
    """PEM of the root certificate to trust from now on."""


class ManagerList(Message, frozen=True, kw_only=True):
    """Manager → node: these are the managers now, as in Welcome."""

    managers: list[tuple[str, str]]


class TrustRoot(Message, frozen=True, kw_only=True):
    """Manager → node: the swarm has a new root certificate (PEM)."""

    root: str


class RenewCertificate(Message, frozen=True, kw_only=True):
    """Manager → node: ask for a new certificate now; the root that signs is being changed."""


class Heartbeat(Message, frozen=True, kw_only=True):
    """Node → manager: I live."""


class HeartbeatAck(Message, frozen=True, kw_only=True):
    """Manager → node: heard; the next one is due in `period` seconds (chosen anew each time)."""

    period: float


class Assignments(Message, frozen=True, kw_only=True):
    """Manager → node. `complete`: this is all there is, forget what is not in it; else a difference that leads
    from `applies_to` to `results_in` (a gap: close the session and ask again)."""

    complete: bool
    applies_to: int
    results_in: int
    tasks: list[Task] = field(default_factory=list)
    removed_tasks: list[str] = field(default_factory=list)
    networks: list[NetworkAssignment] = field(default_factory=list)
    removed_networks: list[str] = field(default_factory=list)
    endpoints: list[ServiceEndpoint] = field(default_factory=list)
    removed_endpoints: list[str] = field(default_factory=list)
    """Keys as `ServiceEndpoint.key`: `tcp/80`."""
    services: list[ServiceRecord] = field(default_factory=list)
    removed_services: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    removed_secrets: list[str] = field(default_factory=list)
    configs: list[Config] = field(default_factory=list)
    removed_configs: list[str] = field(default_factory=list)
    drained: list[str] = field(default_factory=list)
    """Tasks of this node that are to stop, and that no node's kernel leads to any more: they may stop now."""

    @property
    def for_the_kernel(self) -> bool:
        """True if it says something of networks, ports or names: the node answers such a message with Applied."""
        return self.complete or any((
            self.networks, self.removed_networks, self.endpoints, self.removed_endpoints, self.services,
            self.removed_services,
        ))


class Applied(Message, frozen=True, kw_only=True):
    """Node → manager: this node's kernel agrees with all assignments up to the one that resulted in `sequence`."""

    sequence: int


class StatusReport(Message, frozen=True, kw_only=True):
    """Node → manager: newest observed status by task id. Repeated until acknowledged."""

    sequence: int
    statuses: dict[str, TaskStatus]


class StatusAck(Message, frozen=True, kw_only=True):
    """Manager → node: everything up to `sequence` is in the store."""

    sequence: int


class AttachRequest(Message, frozen=True, kw_only=True):
    """Node → manager: a container of this node's own wants a place on an attachable network. `attachment`: the id
    that the task which stands for it is to have; asked again with it, the request is the same one."""

    attachment: str
    container_id: str
    network: str
    """Name or id."""
    address: str = ""
    names: list[str] = field(default_factory=list)
    """What others on the network know it by, the container's name first."""


class AttachAnswer(Message, frozen=True, kw_only=True):
    """Manager → node: the place (`address` with prefix), or why there is none."""

    attachment: str
    network_id: str = ""
    network: str = ""
    address: str = ""
    code: str = ""
    error: str = ""


class DescriptionReport(Message, frozen=True, kw_only=True):
    """Node → manager: my description changed."""

    description: NodeDescription


class Shutdown(Message, frozen=True, kw_only=True):
    """Manager → node: this session ends. `removed`: the node was removed from the swarm, do not come back."""

    reason: str
    removed: bool = False
    leader: str = ""
    """`host:port` of the manager to ask instead."""


class Goodbye(Message, frozen=True, kw_only=True):
    """Node → manager: I leave the swarm now; do not wait for my heartbeat."""


class LogSubscribe(Message, frozen=True, kw_only=True):
    """Manager → node: send the lines of these tasks' containers. `since` None and `tail` < 0: all."""

    subscription: str
    task_ids: list[str]
    stdout: bool = True
    stderr: bool = True
    follow: bool = False
    tail: int = -1
    since: datetime | None = None


class LogUnsubscribe(Message, frozen=True, kw_only=True):
    subscription: str


class LogLineMessage(msgspec.Struct, frozen=True, kw_only=True):
    task_id: str
    time: datetime
    stream: str
    data: bytes


class LogLines(Message, frozen=True, kw_only=True):
    """Node → manager. `done`: no more will come for this subscription; `error`: why, if it ended early."""

    subscription: str
    lines: list[LogLineMessage] = field(default_factory=list)
    done: bool = False
    error: str = ""


class LogCredit(Message, frozen=True, kw_only=True):
    """Manager → node: `batches` LogLines of this subscription were read; so many more may be sent."""

    subscription: str
    batches: int = 1


LOG_WINDOW = 8
"""LogLines a node may send before it waits for credit: a slow reader slows its source, not the session."""

AnyMessage = (
    Hello | Welcome | ManagerList | TrustRoot | RenewCertificate | Heartbeat | HeartbeatAck | Assignments | Applied
    | StatusReport | StatusAck | DescriptionReport | Shutdown | Goodbye
    | LogSubscribe | LogUnsubscribe | LogLines | LogCredit | AttachRequest | AttachAnswer
)

_DECODER = msgspec.json.Decoder(AnyMessage)
_ENCODER = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


def decode(data: bytes | str) -> AnyMessage:
    """Raises msgspec.ValidationError for anything that is not a message."""
    message: AnyMessage = _DECODER.decode(data)
    return message
