"""Stores of records of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood.types import CallFilter, CallRecord, UsageTotals

GROUPS: Final = ("model", "provider", "label", "key", "service", "error", "hour", "day")
"""What calls can be grouped by. Hours and days are those of UTC, as ``2026-03-31T18`` and ``2026-03-31``."""

TAG_GROUP: Final = "tag:"
"""How the name of a group begins that is the value of a tag."""


@runtime_checkable
class UsageStore(Protocol):
    """
    An observer that keeps a record of every call, for ``budwood usage`` and ``budwood telemetry``.

    Methods block. They raise failures of the store as `OSError`, and `ConfigurationError` if it can never be used, such
    as one of a newer version. Records that are not written yet are missing.
    """

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """
        Return the sums over groups of calls, ordered by group. There is no group without calls.

        Args:
            by: What calls are grouped by: some of `GROUPS`, or ``tag:NAME`` for a tag, as in ``tag:user``. Empty for
                one group of all calls.
            where: Selects the calls.

        Raises:
            ValueError: Calls cannot be grouped by one of the names.
        """
        ...

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """
        Return records, the newest first.

        Args:
            where: Selects the calls.
            after: Only records with a higher id, the oldest first, to follow new calls.
            limit: The maximum number.
        """
        ...

    def dropped(self) -> int:
        """Return how many calls were not recorded, because the store could not be written for too long."""
        ...
