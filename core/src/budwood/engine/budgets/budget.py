"""
Budgets, in money or in tokens.

Money is counted in whole nanodollars, and costs are rounded up: sums are exact, also in limiters, which use floats.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from budwood.budget_settings import BudgetSettings
from budwood.engine.limits.periods import CALENDAR_PERIODS, period_of
from budwood.option_settings import find_timezone
from budwood.types import BudgetState, Claim

if TYPE_CHECKING:
    from budwood.types.limits import BudgetPeriod, BudgetUnit

NANO: Final = 10**9
"""Nanodollars of a dollar."""

OF_CALL: Final = "budget="
"""The name of a budget that was passed with a call."""


class Budget:
    """
    A budget. Safe to use from several threads.

    One per call or client counts here. One per day, week or month counts in a limiter, by the claims of `claim`.

    Args:
        name: Its name, for errors and reports; `OF_CALL` for one that was passed with a call.
        settings: Its limit and period.

    Attributes:
        unit: ``"dollars"`` or ``"tokens"``.
        limit: The limit, in nanodollars or tokens.
        label: The label of the calls that it counts; None for all.
    """

    def __init__(self, name: str, settings: BudgetSettings) -> None:
        self.name: Final = name
        self.unit: Final[BudgetUnit] = "tokens" if settings.dollars is None else "dollars"
        self.limit: Final = (
            max(int((settings.dollars * NANO).to_integral_value(ROUND_FLOOR)), 1)
            if settings.dollars is not None
            else settings.tokens or 0
        )
        self.per: Final[BudgetPeriod] = settings.per
        self.label: Final = settings.label
        self._calendar_period = next((period for period in CALENDAR_PERIODS if period == settings.per), None)
        self._settings = settings
        self._timezone: tzinfo = find_timezone(settings.timezone)
        self._spent = 0
        self.reset_lock()

    def reset_lock(self) -> None:
        """Replace the lock, after a fork in which another thread may have held it."""
        self._lock = threading.Lock()

    @property
    def is_lasting(self) -> bool:
        """Whether it is counted beyond the life of the process."""
        return self._calendar_period is not None

    @property
    def left(self) -> int:
        """What is left of a budget that counts here; negative if requests whose cost was not known exceeded it."""
        return self.limit - self._spent

    def for_call(self) -> Budget:
        """Return the budget of a new call: one per call starts empty, others are shared."""
        return Budget(self.name, self._settings) if self.per == "call" else self

    def equals(self, other: Budget) -> bool:
        """Tell whether it is the same budget, or both count a single call each and have the same left of it."""
        return self is other or (self.per == other.per == "call" and self._key() == other._key())

    def _key(self) -> tuple[object, ...]:
        return self.name, self.unit, self.limit, self.label, self._spent

    def reserve(self, amount: int) -> int | None:
        """Take an amount if it fits; return None, or what is left if it does not fit."""
        with self._lock:
            left = self.limit - self._spent
            if amount > left:
                return max(left, 0)
            self._spent += amount
            return None

    def settle(self, reserved: int, used: int) -> None:
        """Replace an amount that was taken with what was used."""
        with self._lock:
            self._spent += used - reserved

    def claim(self, amount: int, now: float) -> Claim:
        """Return what an attempt takes from a budget per day, week or month, at a time in seconds since 1970."""
        return Claim(
            key=f"budget/{self.name}/{self.unit}/{self.per}",
            kind="quota",
            limit=float(self.limit),
            amount=float(amount),
            resets_at=self.period(now)[1].timestamp(),
            is_lasting=True,
        )

    def period(self, now: float) -> tuple[datetime, datetime]:
        """Return the start and the end of the day, the week or the month at a time in seconds since 1970."""
        if self._calendar_period is None:
            raise ValueError(f"{self.describe()} counts no period of the calendar")
        return period_of(now, self._calendar_period, self._timezone)

    def resets_at(self, now: float) -> datetime | None:
        """Return when it is counted from zero again; None for never. The time is in seconds since 1970."""
        return self.period(now)[1] if self.is_lasting else None

    def state(self, now: float, left: int) -> BudgetState:
        """
        Return what is spent and left.

        Args:
            now: Seconds since 1970.
            left: What is left, in nanodollars or tokens.
        """
        return BudgetState(
            name=self.name,
            unit=self.unit,
            per=self.per,
            label=self.label,
            limit=self.to_decimal(self.limit),
            spent=self.to_decimal(self.limit - left),
            left=self.to_decimal(max(left, 0)),
            resets_at=self.resets_at(now),
        )

    def format(self, amount: int) -> str:
        """Return an amount as text: ``$0.25`` or ``1,200 tokens``."""
        if self.unit == "tokens":
            return f"{amount:,} tokens"
        whole, _, cents = f"{self.to_decimal(amount):,.9f}".partition(".")
        return f"${whole}.{cents.rstrip('0').ljust(2, '0')}"

    def describe(self) -> str:
        """Return the name for a sentence."""
        return "budget of this call" if self.name == OF_CALL else f"budget {self.name!r}"

    def to_decimal(self, amount: int) -> Decimal:
        """Return an amount in dollars or tokens."""
        return Decimal(amount) if self.unit == "tokens" else Decimal(amount) / NANO


def have_equal_limits(ours: Sequence[Budget], theirs: Sequence[Budget]) -> bool:
    """Tell whether two calls have the same budgets, or budgets of their own with the same limits and spending."""
    return len(ours) == len(theirs) and all(one.equals(other) for one, other in zip(ours, theirs, strict=True))


def to_nanodollars(dollars: Decimal) -> int:
    """Return nanodollars, rounded up."""
    return int((dollars * NANO).to_integral_value(ROUND_CEILING))
