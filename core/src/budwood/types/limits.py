"""Limits of requests, tokens and money, as the engine passes them to a limiter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from budwood.types.record import short_repr

ClaimKind = Literal["rate", "concurrency", "quota"]
BudgetPeriod = Literal["call", "client", "day", "week", "month"]
BudgetUnit = Literal["dollars", "tokens"]


class Claim(NamedTuple):
    """
    What one attempt takes from one limit.

    Attributes:
        key: Identifies the limit. Equal keys share one count, in all clients that share the limiter.
        kind: ``"rate"`` for ``limit`` units per ``period`` seconds, which are refilled continuously; ``"concurrency"``
            for at most ``limit`` units at a time; ``"quota"`` for at most ``limit`` units until ``resets_at``.
        limit: The limit, greater than zero.
        amount: The units that the attempt takes: an estimate of its tokens, its highest possible cost, or 1.
        period: The seconds of a rate.
        resets_at: When a quota is counted from zero again, in seconds since 1970; None for never.
        is_lasting: Whether a quota is counted beyond the life of the process, and together with other processes.
    """

    key: str
    kind: ClaimKind
    limit: float
    amount: float = 1.0
    period: float = 60.0
    resets_at: float | None = None
    is_lasting: bool = False


class Denial(NamedTuple):
    """
    The answer of a limiter that has no room for an attempt yet.

    Attributes:
        claim: The claim that does not fit.
        delay: Seconds after which to ask again, more than zero; None to wait until the limiter wakes the caller, or for
            ever if the limit is a quota without an end.
        available: The units that are left of a quota, or of the capacity of another limit.
    """

    claim: Claim
    delay: float | None
    available: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """
    What is spent and left of a budget.

    Attributes:
        name: Its name in the settings.
        unit: ``"dollars"`` or ``"tokens"``, of ``limit``, ``spent`` and ``left``.
        per: The period: ``"client"``, ``"day"``, ``"week"`` or ``"month"``.
        label: The label of the calls that it counts; None for all.
        limit: The limit.
        spent: What calls used, and what those that run now could use at most.
        left: The rest.
        resets_at: The end of the period, in the time zone of the budget; None if it does not end.
    """

    name: str
    unit: BudgetUnit
    per: BudgetPeriod
    label: str | None
    limit: Decimal
    spent: Decimal
    left: Decimal
    resets_at: datetime | None

    __repr__ = short_repr
