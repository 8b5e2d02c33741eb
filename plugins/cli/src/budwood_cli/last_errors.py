"""The last errors of endpoints and keys, from the usage store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood.errors import BudwoodError
from budwood_cli import terminal
from budwood_cli.moments import format_moment

if TYPE_CHECKING:
    from budwood.types import CallRecord, RecordedFailure

COLUMNS: Final = ("last_error", "last_error_at")
_OF_CALLERS: Final = frozenset({"Abandoned", "CancelledError", "GeneratorExit", "KeyboardInterrupt", "SystemExit"})
"""What ends a call although its endpoint works."""

_MAX_RECORDS: Final = 1000


def add_last_errors(
    rows: Sequence[dict[str, Any]], is_of: Callable[[dict[str, Any], RecordedFailure], bool]
) -> Sequence[str]:
    """
    Set ``last_error`` and ``last_error_at`` of each row to those of the last call that failed with it.

    The call may have succeeded with another endpoint or key.

    A store that cannot be read is reported, and the rows stay as they are.

    Args:
        rows: Endpoints or keys.
        is_of: Tells whether a failure is that of the endpoint or key of a row.

    Returns:
        The columns to show: none if the settings list no observer that keeps records.
    """
    try:
        records = _read_records()
    except (BudwoodError, OSError) as error:
        terminal.note(f"the last errors are not known: {error}")
        return ()
    if records is None:
        return ()
    for row in rows:
        found = (
            (failure.error, format_moment(record.time))
            for record in records
            for failure in reversed(record.failures)
            if failure.error not in _OF_CALLERS and is_of(row, failure)
        )
        row["last_error"], row["last_error_at"] = next(found, (None, None))
    return COLUMNS


def _read_records() -> Sequence[CallRecord] | None:
    """Return the last calls with failures; None if no observer keeps records."""
    from budwood.settings import Settings
    from budwood.types import CallFilter
    from budwood_cli.usage_store import find_store

    settings = Settings.load()
    with find_store(settings, *settings.observers) as store:
        return None if store is None else store.calls(CallFilter(has_failures=True), limit=_MAX_RECORDS)
