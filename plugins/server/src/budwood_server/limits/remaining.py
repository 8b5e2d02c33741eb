"""What is left of the limits of keys in their present periods."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Protocol

from budwood_server.access.keys import name_budget
from budwood_server.limits.counts import NANODOLLARS
from budwood_server.limits.keys import KeyRates, name_requests, name_tokens
from budwood_server.limits.limiter import BUDGET_PREFIX

if TYPE_CHECKING:
    from budwood_server.access.keys import KeyBudget
    from budwood_server.limits.leases import Leases


class LimitedKey(KeyRates, Protocol):
    """The limits of a key, with its budget."""

    @property
    def budget(self) -> KeyBudget | None:
        """What it may spend, or None."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """
    What is left of a limit.

    Attributes:
        limit: The limit in dollars, tokens or requests.
        left: What no call has used, and no running call has reserved. Never negative.
        resets_at: The end of the period in seconds since 1970; None if nothing was used in it yet.
    """

    limit: int | Decimal
    left: int | Decimal
    resets_at: float | None


@dataclass(frozen=True, slots=True)
class KeyRemaining:
    """What is left of the limits of a key. Limits that it does not have are None."""

    budget: Remaining | None
    requests: Remaining | None
    tokens: Remaining | None


async def read_remaining(leases: Leases, keys: Collection[LimitedKey]) -> Mapping[str, KeyRemaining]:
    """
    Return what is left of the limits of keys, by their ids.

    The calls of this worker are counted exactly, and those of others as they reported them some seconds ago. A call
    that runs counts with the most that it may use.

    Args:
        leases: The leases of this worker.
        keys: The keys.

    Raises:
        OSError: The store of the leases cannot be used.
    """
    names = [name for key in keys for name in _list_names(key)]
    taken = {period.key: (amount, period.resets_at) for period, amount in (await leases.read_taken(names)).items()}
    return {
        key.id: KeyRemaining(
            budget=_read_budget(key, taken),
            requests=_read_rate(key.requests_per_minute, name_requests(key.id), taken),
            tokens=_read_rate(key.tokens_per_minute, name_tokens(key.id), taken),
        )
        for key in keys
    }


def _list_names(key: LimitedKey) -> Iterable[str]:
    if key.budget is not None:
        yield _name_budget(key.id, key.budget)
    if key.requests_per_minute is not None:
        yield name_requests(key.id)
    if key.tokens_per_minute is not None:
        yield name_tokens(key.id)


def _name_budget(key_id: str, budget: KeyBudget) -> str:
    """Return the key of the claims that clients make on a budget of the calendar."""
    unit = "dollars" if budget.tokens is None else "tokens"
    return f"{BUDGET_PREFIX}{name_budget(key_id)}/{unit}/{budget.per}"


def _read_budget(key: LimitedKey, taken: Mapping[str, tuple[float, float]]) -> Remaining | None:
    if key.budget is None:
        return None
    name = _name_budget(key.id, key.budget)
    if key.budget.dollars is None:
        return _read_rate(key.budget.tokens, name, taken)
    amount, resets_at = taken.get(name, (0.0, inf))
    left = key.budget.dollars - Decimal(round(amount)) / NANODOLLARS
    return Remaining(key.budget.dollars, max(left, Decimal(0)), _end_of(resets_at))


def _read_rate(limit: int | None, name: str, taken: Mapping[str, tuple[float, float]]) -> Remaining | None:
    if limit is None:
        return None
    amount, resets_at = taken.get(name, (0.0, inf))
    return Remaining(limit, max(limit - round(amount), 0), _end_of(resets_at))


def _end_of(resets_at: float) -> float | None:
    return None if resets_at == inf else resets_at
