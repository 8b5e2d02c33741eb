"""The limiter of a client. If it fails, limits inside the process replace it until it answers again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any, Final, NamedTuple, TypeVar

from budwood import logs
from budwood.contracts import InlineLimiter, Limiter, WakingLimiter
from budwood.engine.drivers.effects import Flow, Invoke, Sleep, Wait
from budwood.engine.drivers.latch import Latch
from budwood.engine.endpoints.shared_state import SharedState
from budwood.hooks import LIMITER, LimiterSpec
from budwood.plugins import Instance, Instances, faults
from budwood.plugins.faults import PluginSource
from budwood.types import Claim, Denial

T = TypeVar("T")

LOCAL: Final = "local"

RETRY_SECONDS: Final = 5.0
"""Seconds after which a limiter that failed is asked again."""

MAX_OWED: Final = 10_000
"""The number of tickets that are ended later, after a failure. Their limits are held too long if there are more."""

MAX_SLEEP: Final = 1.0
"""The longest sleep in seconds before a ticket asks again: units that others give back may shorten its delay."""


class ClientLimiter:
    """
    Reserves and settles claims with the limiter of a client, as flows. Safe to use from several threads.

    A ticket is settled by the limiter that granted it.

    Args:
        instances: Builds the limiter.
        state: Has the limiter inside the process, which all clients share.
        limiter: The limiter, or its name; by default the one that the settings name. A limiter that is passed is not
            closed.

    Raises:
        PluginError: The limiter does not exist or cannot be used.
        ConfigurationError: Its settings are not valid.
    """

    def __init__(self, instances: Instances, state: SharedState, limiter: str | Limiter | None = None) -> None:
        chosen = limiter or instances.settings.limiter or LOCAL
        instance = instances.build(LIMITER, chosen) if isinstance(chosen, str) else None
        is_local = instance is not None and instance.spec.name == LOCAL
        local = instance if instance is not None and is_local else instances.build(LIMITER, LOCAL)
        self._clock = local.context.clock
        self._local = _part_of(local, state.local_limiter(lambda: local.implementation))
        self._chosen = self._local
        if not isinstance(chosen, str):
            self._chosen = _make_part(chosen, type(chosen).__name__, PluginSource("limiter"), is_owned=False)
        elif instance is not None and not is_local:
            self._chosen = _part_of(instance, instance.implementation)
        self._used: dict[str, _Part] = {}
        self._retry_at = -inf
        self.reset_lock()

    def reset_lock(self) -> None:
        """Replace the lock after a fork, in which another thread may have held it; the parent ends its own tickets."""
        self._lock = threading.Lock()
        self._owed: deque[tuple[str, Callable[[], None]]] = deque(maxlen=MAX_OWED)

    def reserve(self, ticket: str, claims: Sequence[Claim]) -> Flow[Denial | None]:
        """
        Take all claims or none; see `budwood.contracts.Limiter.reserve`.

        If the flow is abandoned here, all that it took is given back. If it is denied, it has to `wait` or `cancel`.
        """
        abandoned = False

        def run() -> Denial | None:
            denial = self._reserve(ticket, claims)
            if abandoned:  # the flow cannot do it: it does not know whether the claims were granted
                self._cancel(ticket, claims)
            return denial

        try:
            denial: Denial | None = yield Invoke(run, inline=self._choose().is_inline(ticket, claims))
        except BaseException:
            abandoned = True
            yield from self.cancel(ticket, claims)
            raise
        return denial

    def wait(self, ticket: str, denial: Denial, deadline: float) -> Flow[None]:
        """
        Wait until a denied ticket should ask again, or until the clock shows ``deadline``.

        The caller makes sure that the delay of a quota is not too long for it.
        """
        part = self._used.get(ticket, self._chosen)
        left = max(deadline - self._clock.monotonic(), 0.0)
        if denial.delay is not None:
            yield Sleep(min(denial.delay, MAX_SLEEP, left))
        elif isinstance(part.limiter, WakingLimiter):
            latch = Latch()
            part.limiter.watch(ticket, latch.set)
            yield Wait(latch, deadline)
        else:
            yield Sleep(min(MAX_SLEEP, left))

    def settle(self, ticket: str, claims: Sequence[Claim], amounts: Mapping[str, float]) -> Flow[None]:
        """Replace the amounts of granted claims with those that were used, and end their concurrency."""
        part = self._forget(ticket)
        yield Invoke(
            lambda: self._end(part, ticket, "settle", lambda: part.limiter.settle(ticket, claims, amounts)),
            inline=part.is_inline(ticket, claims),
        )

    def cancel(self, ticket: str, claims: Sequence[Claim]) -> Flow[None]:
        """Give up the place of a ticket, or give back what it took."""
        part = self._used.get(ticket) or self._choose()
        yield Invoke(lambda: self._cancel(ticket, claims), inline=part.is_inline(ticket, claims))

    def correct(self, claim: Claim, remaining: float, delay: float | None) -> Flow[None]:
        """Correct the count of a rate by what the vendor reports; see `budwood.contracts.Limiter.correct`."""
        part = self._choose()

        def run() -> None:
            try:
                part.call("correct", lambda: part.limiter.correct(claim, remaining, delay))
            except OSError as error:
                self._report(error)

        yield Invoke(run, inline=part.is_inline(None, (claim,)))

    def close(self) -> None:
        """Close the limiter. That inside the process remains, for other clients, but releases its file."""
        for part in (self._local, self._chosen):
            if part.is_owned:
                with faults.call_boundary(part.source, "close"):
                    part.limiter.close()

    def _reserve(self, ticket: str, claims: Sequence[Claim]) -> Denial | None:
        part = self._choose()
        previous = self._used.get(ticket, part)
        if previous is self._local and part is not previous:
            previous.call("cancel", lambda: previous.limiter.cancel(ticket, claims))
        try:
            denial = part.call("reserve", lambda: part.limiter.reserve(ticket, claims))
        except OSError as error:
            if part is self._local:
                raise
            self._report(error)
            self._owed.append((ticket, lambda: self._chosen.limiter.cancel(ticket, claims)))  # the answer may be lost
            part = self._local
            denial = part.call("reserve", lambda: part.limiter.reserve(ticket, claims))
        if self._chosen is not self._local:
            self._used[ticket] = part
            self._recover(part)
        return denial

    def _cancel(self, ticket: str, claims: Sequence[Claim]) -> None:
        part = self._forget(ticket)
        self._end(part, ticket, "cancel", lambda: part.limiter.cancel(ticket, claims))

    def _end(self, part: _Part, ticket: str, method: str, function: Callable[[], None]) -> None:
        """Settle or cancel a ticket. If the limiter fails, that is repeated when it answers again."""
        try:
            part.call(method, function)
        except OSError as error:
            self._report(error)
            self._owed.append((ticket, function))

    def _choose(self) -> _Part:
        """Return the limiter to ask: that of the settings, unless it failed a short time ago."""
        return self._chosen if self._clock.monotonic() >= self._retry_at else self._local

    def _forget(self, ticket: str) -> _Part:
        """Return the limiter that a ticket used last, and forget that."""
        return self._used.pop(ticket, self._chosen if self._chosen is self._local else self._choose())

    def _report(self, error: OSError) -> None:
        """Warn that the limiter failed, once until it answers again."""
        with self._lock:
            is_new = self._retry_at == -inf
            self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        if is_new:
            name = self._chosen.name
            logs.emit("limiter failed", level="warning", limiter=name, replaced_by=LOCAL, reason=str(error))

    def _recover(self, part: _Part) -> None:
        """Use the limiter of the settings again, now that it has answered, and end the tickets that it still counts."""
        if part is self._local or self._retry_at == -inf:
            return
        with self._lock:
            self._retry_at = -inf
            owed = tuple(self._owed)
            self._owed.clear()
        logs.emit("limiter available again", limiter=part.name)
        for ticket, end in owed:
            if self._used.get(ticket) is not part:  # otherwise it asked again and is in use
                self._end(part, ticket, "settle", end)


class _Part(NamedTuple):
    """
    A limiter.

    Attributes:
        limiter: The limiter.
        name: Its name in the log.
        source: The origin of its plugin.
        is_inline: Tells whether it counts claims without blocking; see `InlineLimiter.is_inline`.
        is_owned: Whether the client built it, and therefore closes it.
    """

    limiter: Limiter
    name: str
    source: PluginSource
    is_inline: Callable[[str | None, Sequence[Claim]], bool]
    is_owned: bool

    def call(self, method: str, function: Callable[[], T]) -> T:
        """
        Call a method of the limiter.

        Raises:
            OSError: The limiter failed.
            PluginFaultError: It raised another error.
        """
        try:
            return function()
        except OSError:
            raise
        except BaseException as error:
            faults.call_boundary(self.source, method).convert(error)
            raise


def _part_of(instance: Instance[LimiterSpec[Any]], limiter: Limiter) -> _Part:
    return _make_part(limiter, instance.name, instance.source, is_inline=instance.spec.inline)


def _make_part(
    limiter: Limiter, name: str, source: PluginSource, *, is_inline: bool = False, is_owned: bool = True
) -> _Part:
    if isinstance(limiter, InlineLimiter):
        return _Part(limiter, name, source, faults.wrap(source, "is_inline", limiter.is_inline, (bool,)), is_owned)

    def is_fast(_ticket: str | None, claims: Sequence[Claim]) -> bool:
        return is_inline and not any(claim.is_lasting for claim in claims)

    return _Part(limiter, name, source, is_fast, is_owned)
