"""Attempts that wait for a limit or a key before they are sent."""

from __future__ import annotations

from budwood.engine.pipeline.attempt import Attempt, attempt_timing


class GroupFullError(Exception):
    """
    The limits of the key's group have no room, and the attempt can use a key of another group.

    Attributes:
        delay: Seconds until they have room, as far as that is known.
    """

    def __init__(self, delay: float) -> None:
        super().__init__()
        self.delay = delay


def pause(attempt: Attempt, limit: str, delay: float | None) -> None:
    """Note that an attempt waits for a limit or a key: it does not run."""
    call, health = attempt.round.call, attempt.endpoint.health
    health.running.discard(id(attempt))
    if health.adaptive is not None:
        health.adaptive.wake()
    if call.observers is not None:
        call.observers.report_queued(call, attempt.target, limit, delay)


def resume(attempt: Attempt, waited_since: float) -> None:
    """Start the time of an attempt that has waited."""
    now = attempt.round.call.clock.monotonic()
    attempt.endpoint.health.running.add(id(attempt))
    attempt.queued += now - waited_since
    attempt.started = now
    attempt.timing = attempt_timing(attempt)
