"""Owns how a node gets its certificate: root first, check it against the token, only then show the token.

Counterpart: swarmkit/ca/certificates.go (DownloadRootCA, RequestAndSaveNewCertificates).
"""

from __future__ import annotations

from dataclasses import dataclass

from swarmkit_py.ca.root import MANAGER_NAME, create_key_and_request, signed_by
from swarmkit_py.ca.tls import pinned_context, unverified_context
from swarmkit_py.ca.tokens import JoinToken, root_digest
from swarmkit_py.clock import Clock
from swarmkit_py.errors import FailedPrecondition, Unavailable
from swarmkit_py.node.requests import Joining
from swarmkit_py.rpc.client import Refused, Unreachable, call
from swarmkit_py.rpc.race import within
from swarmkit_py.rpc.wire import ISSUE_PATH, ROOT_PATH, CertificateAnswer, Empty, IssueRequest, RootAnswer

FIRST_TRY = 5.0
"""Seconds a user waits for a manager that does not answer at all (Docker: 20)."""
PAUSE_FIRST, PAUSE_MAX = 0.5, 8.0


@dataclass(frozen=True)
class Credentials:
    """What a node has after joining, all PEM."""

    root: str
    cert: str
    key: str


class Attempt:
    """One `docker swarm join`: `first_try` while the user waits, `until_answered` after that."""

    def __init__(self, wanted: Joining, addr: str, clock: Clock, can_manage: bool = False) -> None:
        self.wanted, self.addresses = wanted, wanted.addresses
        self.addr = addr
        self._clock, self._can_manage = clock, can_manage

    async def first_try(self) -> Credentials:
        """Raises what a manager answered, Refused if no manager listens there, TimeoutError if nobody answers."""
        return await within(self._clock, FIRST_TRY, self._try(give_up_if_refused=True))

    async def until_answered(self) -> Credentials:
        """Raises what a manager answered; goes on while none does."""
        return await self._try(give_up_if_refused=False)

    async def _try(self, *, give_up_if_refused: bool) -> Credentials:
        pause = PAUSE_FIRST
        while True:
            refused: Refused | None = None
            for address in self.addresses:
                try:
                    return await obtain_credentials(address, self.wanted, self._can_manage)
                except Refused as error:
                    refused = error
                except Unreachable:
                    continue
            if refused is not None and give_up_if_refused:
                raise refused
            await self._clock.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX)


async def obtain_credentials(addr: str, wanted: Joining, can_manage: bool = False) -> Credentials:
    """Ask the manager at `host:port`. Raises FailedPrecondition for another swarm than the token's, the manager's
    own refusal, or rpc.client.Unreachable."""
    answer = await call(addr, ROOT_PATH, Empty(), RootAnswer, unverified_context())
    check_root(answer.root, wanted.token)
    key, csr = create_key_and_request()
    request = IssueRequest(csr=csr, token=wanted.token_text, availability=wanted.availability,
                           can_manage=can_manage)
    issued = await call(addr, ISSUE_PATH, request, CertificateAnswer, pinned_context(answer.root), MANAGER_NAME)
    if not signed_by(issued.certificate, answer.root):
        raise Unavailable("the manager's certificate for this node is not signed by the swarm's root")
    return Credentials(root=answer.root, cert=issued.certificate, key=key)


def check_root(root_pem: str, token: JoinToken | None) -> None:
    """Raises FailedPrecondition if this is not the root the token was made for. (Without a token there is nothing
    to check, and nothing secret to send: the manager will say that it wants one.)"""
    if token is not None and root_digest(root_pem) != token.digest:
        raise FailedPrecondition(f"remote CA does not match fingerprint. Expected: {token.digest_hex}")
