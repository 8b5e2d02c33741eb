"""What follows when an endpoint does not answer a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

from budwood.errors import BadResponseError, BudwoodError, ConnectionFailedError
from budwood_generation.runs.faults import is_throttled, may_be_caused_by_request
from budwood_generation.runs.gate import Gate, Ticket
from budwood_generation.runs.tasks import RowTask

FAILURES_TO_SET_ASIDE: Final = 3
THROTTLES_TO_SET_ASIDE: Final = 10
"""Failures for one call after which its row is tried again at the end of the run."""

FAILURES_TO_REJECT: Final = 1
"""Failures for one call at the end of the run after which a malformed reply is due to the request, with its seed."""

FAILURES_TO_GIVE_UP: Final = 6
SECONDS_TO_GIVE_UP: Final = 60.0
"""
Failures for one call at the end of the run after which its row fails: if calls of other rows succeed meanwhile, after
that time if the row is the suspected cause, and otherwise when the patience ends.
"""

FIRST_BACKOFF: Final = 0.5
MAX_BACKOFF: Final = 30.0
"""Seconds before the call is sent again. They double with each failure."""


class Action(Enum):
    """
    What to do with a call that an endpoint did not answer.

    Attributes:
        WAIT: Send it again later.
        REJECT: Treat the answer as a reply that cannot be used.
        SET_ASIDE: Try the row again at the end of the run.
        GIVE_UP: The row fails.
        STOP: The run stops.
    """

    WAIT = auto()
    REJECT = auto()
    SET_ASIDE = auto()
    GIVE_UP = auto()
    STOP = auto()


@dataclass(frozen=True, slots=True)
class Recovery:
    """
    Decides what follows when an endpoint does not answer a call, and tells the gate of the model.

    A request can be the cause itself, such as one that makes its server crash. The row of such a request is set aside
    after a few failures, which costs nothing if the endpoint was the cause. At the end of the run it fails, soon if
    calls of other rows succeeded between its failures.

    Args:
        patience: The longest time without a success, in seconds.
        random: Yields the jitter of delays.
    """

    patience: float
    random: Random

    def judge(self, task: RowTask, gate: Gate, ticket: Ticket, error: BudwoodError, now: float) -> Action:
        """
        Decide what follows a failed call, which leaves the gate.

        Args:
            task: The row.
            gate: The gate of the model.
            ticket: The call.
            error: The reason.
            now: The time.
        """
        is_available = gate.successes > (ticket.successes if gate.is_failing else 0)
        is_repeated = task.is_second_pass and task.failures >= FAILURES_TO_REJECT
        if isinstance(error, BadResponseError) and (is_available or is_repeated):
            gate.fail(ticket, error, now)
            return Action.REJECT
        if isinstance(error, ConnectionFailedError) and not error.retryable and not gate.successes:
            gate.leave(ticket)
            return Action.STOP  # such as a certificate that is not trusted
        may_be_cause = may_be_caused_by_request(error)
        if task.is_second_pass and may_be_cause and not is_throttled(error):
            gate.leave(ticket)
        else:
            gate.fail(ticket, error, now)
        if may_be_cause:
            task.count_failure(now, gate.successes)
        has_others_answered = gate.successes > task.answered_before
        if task.is_second_pass:
            is_cause = has_others_answered and not is_throttled(error)
            return Action.GIVE_UP if self._is_hopeless(task, now, is_cause=is_cause) else Action.WAIT
        limit = THROTTLES_TO_SET_ASIDE if is_throttled(error) else FAILURES_TO_SET_ASIDE
        if not gate.successes or task.failures < limit:
            return Action.WAIT
        task.is_suspect = has_others_answered
        return Action.SET_ASIDE

    def delay(self, task: RowTask, error: BudwoodError) -> float:
        """Return the seconds before a call is sent again."""
        asked = getattr(error, "retry_after", None) or 0.0
        delay = min(FIRST_BACKOFF * 2.0 ** max(task.failures - 1, 0), MAX_BACKOFF)
        return max(min(asked, self.patience), delay * self.random.uniform(0.5, 1.0))

    def _is_hopeless(self, task: RowTask, now: float, *, is_cause: bool) -> bool:
        if task.failures < FAILURES_TO_GIVE_UP:
            return False
        seconds = min(SECONDS_TO_GIVE_UP, self.patience) if task.is_suspect else self.patience
        return is_cause or now >= task.failing_since + seconds
