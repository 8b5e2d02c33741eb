"""Limiters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from budwood.types import Claim, Denial


class Limiter(Protocol):
    """
    Counts requests, tokens and money against limits. All methods may be called from several threads.

    Raise failures of the store as `OSError`: the engine warns once, and continues with limits inside the process.
    Methods may block: async code calls them in a thread, unless the limiter is an `InlineLimiter` and says that they
    do not. Of other limiters, ``inline`` of the spec tells that they never block, except for claims with
    ``is_lasting``.
    """

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        """
        Take all claims, or none of them.

        A denied ticket keeps its place: tickets that share a limit are granted in the order of their first call, so
        that small requests cannot starve a large one. A later ticket may be granted first if the earlier one waits for
        a limit that they do not share, and is not delayed. A granted ticket that asks again takes nothing more.

        The capacity of a rate is what it refills in one second, at least one unit. A claim for more than that is
        granted when the capacity is full, and the rate then has a debt. A quota that does not fit before ``resets_at``
        is denied with the time until then as the delay, and the ticket takes no place in any queue.

        Args:
            ticket: Identifies the attempt. It is the same when a denied attempt asks again.
            claims: What the attempt takes. Their keys differ.

        Returns:
            None if the claims were taken; otherwise why not.
        """
        ...

    def settle(self, ticket: str, claims: Sequence[Claim], amounts: Mapping[str, float]) -> None:
        """
        Replace the amounts of granted claims with those that were used, and end its concurrency.

        Args:
            ticket: The ticket that was granted.
            claims: The claims that were granted.
            amounts: The units that were used, by the key of the claim. Other claims keep their amount.
        """
        ...

    def cancel(self, ticket: str, claims: Sequence[Claim]) -> None:
        """
        Give up the place of a denied ticket, or give back all that a granted one took.

        It is no error if the ticket has neither.

        Args:
            ticket: The ticket.
            claims: The claims with which it asked.
        """
        ...

    def correct(self, claim: Claim, remaining: float, delay: float | None) -> None:
        """
        Correct the count of a rate by what the vendor reports.

        Args:
            claim: The claim with the key, the limit and the period.
            remaining: The units that are left. The count is lowered to it, and never raised.
            delay: Seconds until more are available, if ``remaining`` is 0. Nothing is granted until then.
        """
        ...

    def close(self) -> None:
        """Release files and connections. Closing twice must not fail."""
        ...


@runtime_checkable
class WakingLimiter(Protocol):
    """A limiter that tells when a denied ticket should ask again, because another one has ended."""

    def watch(self, ticket: str, wake: Callable[[], object]) -> None:
        """Call ``wake`` once, from any thread, when the denied ticket should ask again, or immediately."""
        ...


@runtime_checkable
class InlineLimiter(Protocol):
    """A limiter that tells which claims it counts without blocking, so that async code needs no thread for them."""

    def is_inline(self, ticket: str | None, claims: Sequence[Claim]) -> bool:
        """
        Tell whether the other methods return at once for these claims. This one always must.

        It is called immediately before the method that it is asked about, in the same thread if the answer is True:
        nothing else runs on an event loop in between. Without it, an object that is passed to a client has a thread for
        each call.

        Args:
            ticket: The ticket of ``reserve``, ``settle`` or ``cancel``; None for ``correct``.
            claims: The claims. Those with ``is_lasting`` have no thread either if the answer is True.
        """
        ...
