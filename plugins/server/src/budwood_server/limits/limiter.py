"""The limiter of the gateway's client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from budwood.contracts import Limiter, WakingLimiter

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from budwood.types import Claim, Denial
    from budwood_server.limits.leases import Leases

T = TypeVar("T")

BUDGET_PREFIX: Final = "budget/"
"""What the claims of budgets begin with, those of keys and those of the settings."""

KEY_PREFIX: Final = "key/"
"""What the claims of the rates of keys begin with."""

WAIT_SECONDS: Final = 10.0
"""How long a thread waits for the event loop."""

POLL_SECONDS: Final = 1.0
"""How often a call asks again for a vendor's limit whose limiter does not wake it."""


def is_shared(claim: Claim) -> bool:
    """Tell whether a claim is on a limit that all workers share: a budget, or the rate of a key."""
    return claim.kind == "quota" and claim.key.startswith((BUDGET_PREFIX, KEY_PREFIX))


class LeasedLimiter:
    """
    Counts budgets and the rates of keys with units that were leased ahead of use, and vendors' limits as before.

    It satisfies `budwood.contracts.Limiter`, `InlineLimiter` and `WakingLimiter`. Create it in the event loop that uses
    the leases. Claims that fit into the leases, or cannot fit, are decided on the loop, without waiting. For others the
    client calls it in a thread, which waits until more was leased.

    Args:
        leases: The leases of this worker.
        vendors: Counts vendors' limits.
        is_vendors_inline: Whether that one never blocks, except for claims with ``is_lasting``.
    """

    def __init__(self, leases: Leases, vendors: Limiter, *, is_vendors_inline: bool) -> None:
        self._leases = leases
        self._vendors = vendors
        self._is_vendors_inline = is_vendors_inline
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def is_inline(self, ticket: str | None, claims: Sequence[Claim]) -> bool:
        """Tell whether nothing has to be leased for claims, and vendors' limits need no thread."""
        if threading.get_ident() != self._thread:
            return False
        shared, others = _split(claims)
        if others and not (self._is_vendors_inline and not any(claim.is_lasting for claim in others)):
            return False
        return not shared or ticket is None or self._leases.is_granted(ticket) or self._leases.can_decide(shared)

    async def ensure(self, claims: Sequence[Claim]) -> None:
        """
        Lease what claims lack, so that `reserve` grants them inline, unless they do not fit into the limit.

        Raises:
            OSError: The store of the leases cannot be used.
        """
        await self._leases.ensure(_split(claims)[0])

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """Take all claims, or none of them."""
        shared, others = _split(claims)
        if not shared:
            return self._vendors.reserve(ticket, others)
        denial = self._reserve_shared(ticket, shared)
        if denial is not None or not others:
            return denial
        try:
            denial = self._vendors.reserve(ticket, others)
        except BaseException:
            self._run(lambda: self._leases.cancel(ticket))
            raise
        if denial is not None:
            self._run(lambda: self._leases.cancel(ticket))
        return denial

    def settle(self, ticket: str, claims: Sequence[Claim], amounts: Mapping[str, float]) -> None:
        """Replace the amounts of granted claims with those that were used, and end its concurrency."""
        shared, others = _split(claims)
        if shared:
            self._run(lambda: self._leases.settle(ticket, amounts))
        if others:
            self._vendors.settle(ticket, others, amounts)

    def cancel(self, ticket: str, claims: Sequence[Claim]) -> None:
        """Give up the place of a denied ticket, or give back all that a granted one took."""
        shared, others = _split(claims)
        if shared:
            self._run(lambda: self._leases.cancel(ticket))
        if others:
            self._vendors.cancel(ticket, others)

    def correct(self, claim: Claim, remaining: float, delay: float | None) -> None:
        """Correct the count of a vendor's rate by what the vendor reports."""
        self._vendors.correct(claim, remaining, delay)

    def watch(self, ticket: str, wake: Callable[[], object]) -> None:
        """Call ``wake`` when a ticket that waits for a vendor's limit should ask again."""
        if isinstance(self._vendors, WakingLimiter):
            self._vendors.watch(ticket, wake)
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, POLL_SECONDS, wake)

    def close(self) -> None:
        """Close the limiter of vendors' limits. The leases are returned by their owner."""
        self._vendors.close()

    def _reserve_shared(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        if threading.get_ident() == self._thread:
            return self._leases.reserve(ticket, claims)

        async def run() -> Denial | None:
            if not self._leases.is_granted(ticket):
                await self._leases.ensure(claims)
            return self._leases.reserve(ticket, claims)

        return self._wait_for(run())

    def _run(self, function: Callable[[], None]) -> None:
        """Call a function of the leases on their event loop."""
        if threading.get_ident() == self._thread:
            function()
            return

        async def run() -> None:
            function()

        self._wait_for(run())

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """
        Wait in another thread for a coroutine on the event loop.

        Raises:
            OSError: The loop is closed, or busy for too long.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise OSError(f"Cannot count limits: {error}") from None
        try:
            return future.result(WAIT_SECONDS)
        except TimeoutError:
            future.cancel()
            raise OSError(f"Cannot count limits: the event loop did not answer for {WAIT_SECONDS:g} s") from None


def _split(claims: Sequence[Claim]) -> tuple[Sequence[Claim], Sequence[Claim]]:
    """Return the claims on shared limits, and the others. Nearly always all are of one kind."""
    shared = [claim for claim in claims if is_shared(claim)]
    if not shared:
        return (), claims
    return shared, (() if len(shared) == len(claims) else [claim for claim in claims if not is_shared(claim)])
