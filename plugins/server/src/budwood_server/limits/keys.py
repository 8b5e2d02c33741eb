"""The requests and tokens that keys use per minute, over all workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from budwood.logs import emit
from budwood.types import Claim
from budwood_server.limits.limiter import KEY_PREFIX

if TYPE_CHECKING:
    from budwood.contracts import Clock
    from budwood.types import Denial
    from budwood_server.limits.leases import Leases

MINUTE: Final = 60.0

_REQUESTS: Final = "/requests"
_TOKENS: Final = "/tokens"


class KeyRates(Protocol):
    """The limits of a key, as `budwood_server.access.keys.ApiKey` has them."""

    @property
    def id(self) -> str:
        """The public part of the key."""

    @property
    def requests_per_minute(self) -> int | None:
        """The requests in a minute of the clock, or None."""

    @property
    def tokens_per_minute(self) -> int | None:
        """The tokens in a minute of the clock, input and output together, or None."""


class Grant(NamedTuple):
    """
    What a request has reserved.

    Attributes:
        ticket: Identifies the request.
        claims: What it has reserved; empty if its key has no limits, or they cannot be counted.
    """

    ticket: str
    claims: Sequence[Claim] = ()


class Refusal(NamedTuple):
    """
    The limit that a request exceeds.

    Attributes:
        limit: Which one.
        maximum: Its units per minute.
        remaining: The units that are left in this minute.
        required: The units that the request needs.
        retry_after: Seconds until the next minute begins; None if the request alone exceeds the limit.
    """

    limit: Literal["requests", "tokens"]
    maximum: int
    remaining: int
    required: int
    retry_after: float | None


class KeyLimits:
    """
    Keeps the requests and tokens per minute of keys, over all workers.

    Minutes are those of the clock, UTC. A request that is granted without asking the store takes some microseconds.

    Args:
        leases: The leases of this worker.
        clock: The clock.
    """

    def __init__(self, leases: Leases, clock: Clock) -> None:
        self._leases = leases
        self._clock = clock
        self._has_failed = False

    async def reserve(self, key: KeyRates, ticket: str, tokens: int) -> Grant | Refusal:
        """
        Reserve a request of a key, or nothing.

        While the store cannot be used, requests that need it are granted: a failure of it does not stop the gateway.

        Args:
            key: The key.
            ticket: Identifies the request.
            tokens: The tokens that it probably uses, input and output together.
        """
        if key.requests_per_minute is None and key.tokens_per_minute is None:
            return Grant(ticket)
        claims = self._claim(key, tokens)
        if not self._leases.can_decide(claims):
            try:
                await self._leases.ensure(claims)
                self._has_failed = False
            except OSError as error:
                self._report(error)
                return Grant(ticket)
        denial = self._leases.reserve(ticket, claims)
        return Grant(ticket, claims) if denial is None else _refuse(denial)

    def settle(self, grant: Grant, tokens: int | None) -> None:
        """Count the tokens that a request has used; None if that is not known, so that its reservation counts."""
        amounts: Mapping[str, float] = {}
        if tokens is not None:
            amounts = {claim.key: float(tokens) for claim in grant.claims if claim.key.endswith(_TOKENS)}
        self._leases.settle(grant.ticket, amounts)

    def cancel(self, grant: Grant) -> None:
        """Give back what a request has reserved that was not sent."""
        self._leases.cancel(grant.ticket)

    def _claim(self, key: KeyRates, tokens: int) -> list[Claim]:
        resets_at = (self._clock.time() // MINUTE + 1) * MINUTE
        claims = []
        if key.requests_per_minute is not None:
            claims.append(Claim(name_requests(key.id), "quota", float(key.requests_per_minute), 1.0, MINUTE, resets_at))
        if key.tokens_per_minute is not None:
            claims.append(
                Claim(name_tokens(key.id), "quota", float(key.tokens_per_minute), float(tokens), MINUTE, resets_at)
            )
        return claims

    def _report(self, error: OSError) -> None:
        if not self._has_failed:
            emit("limits of keys not counted", level="warning", reason=str(error))
        self._has_failed = True


def name_requests(key_id: str) -> str:
    """Return the key of the claims on the requests of a key."""
    return f"{KEY_PREFIX}{key_id}{_REQUESTS}"


def name_tokens(key_id: str) -> str:
    """Return the key of the claims on the tokens of a key."""
    return f"{KEY_PREFIX}{key_id}{_TOKENS}"


def _refuse(denial: Denial) -> Refusal:
    claim = denial.claim
    return Refusal(
        "tokens" if claim.key.endswith(_TOKENS) else "requests",
        maximum=int(claim.limit),
        remaining=max(int(denial.available), 0),
        required=int(claim.amount),
        retry_after=None if claim.amount > claim.limit else denial.delay,
    )
