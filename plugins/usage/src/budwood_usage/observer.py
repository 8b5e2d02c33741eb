"""The observer that records calls."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

from budwood.errors import ConfigurationError
from budwood.providing.sqlite import absolute_path, check_not_a_folder
from budwood.types import CallFilter, CallRecord, Observation, UsageTotals
from budwood_usage.collector import EVENTS, Collector
from budwood_usage.retention import Retention
from budwood_usage.sqlite_store import SQLiteStore
from budwood_usage.writer import Rows, Writer

if TYPE_CHECKING:
    from budwood.contracts import Clock, EmitLog, PluginContext
    from budwood_usage.settings import UsageSettings

FILE_NAME: Final = "usage.sqlite3"


class Store(Rows, Protocol):
    """Where records are written and read."""

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls."""
        ...

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records."""
        ...

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        ...


class UsageObserver:
    """
    Records every call, and reads the records; see `budwood.contracts.UsageStore`.

    Records are written in the background, each second or 500 of them, when the client is closed, and at the end of the
    program. `os._exit` and SIGKILL lose those that were not written yet.

    Args:
        store: Keeps the records.
        log: Receives events when the store fails.
        clock: The clock for the time of calls.
    """

    event_types: Final = EVENTS

    def __init__(self, store: Store, log: EmitLog, clock: Clock) -> None:
        self._store = store
        self._writer = Writer(store, log)
        self._collector = Collector(clock)

    def observe(self, event: Observation) -> None:
        """Collect the time to the first token, and the call when it has ended."""
        ended = self._collector.collect(event)
        if ended is not None:
            self._writer.add(ended)

    def flush(self) -> None:
        """Write what has been collected."""
        self._writer.flush()

    def totals(self, by: Sequence[str], where: CallFilter) -> Sequence[UsageTotals]:
        """Return the sums over groups of calls."""
        return self._store.totals(by, where)

    def calls(self, where: CallFilter, *, after: int | None = None, limit: int = 100) -> Sequence[CallRecord]:
        """Return records, the newest first."""
        return self._store.calls(where, after=after, limit=limit)

    def dropped(self) -> int:
        """Return how many calls were not recorded."""
        return self._store.dropped() + self._writer.dropped

    def close(self) -> None:
        """Write what has been collected, and close the store."""
        self._writer.close()


def build_observer(settings: UsageSettings, context: PluginContext) -> UsageObserver:
    """
    Build the observer from its settings. The store is opened when the first records are written.

    Raises:
        ConfigurationError: The path or the URL is not valid, or a requirement is not installed.
    """
    retention = Retention(context.clock, settings.retention_days)
    if settings.url is not None:
        return UsageObserver(_build_postgresql(settings, context, retention), context.log, context.clock)
    setting = f"[observer.{context.instance}] path"
    file = absolute_path(context.data_folder / FILE_NAME if settings.path is None else settings.path, setting)
    check_not_a_folder(file, setting=setting, file_name=FILE_NAME)
    return UsageObserver(SQLiteStore(file, context.log, retention), context.log, context.clock)


def _build_postgresql(settings: UsageSettings, context: PluginContext, retention: Retention) -> Store:
    missing = [name for name in ("alembic", "psycopg", "sqlalchemy") if importlib.util.find_spec(name) is None]
    if settings.url is None or missing:
        raise ConfigurationError(
            f"PostgreSQL needs {', '.join(missing)}, which is not installed.",
            hint="Install it: pip install alembic 'psycopg[binary]' sqlalchemy.",
        )
    from budwood_usage.postgresql.address import parse_address  # SQLAlchemy is slow to import
    from budwood_usage.postgresql.store import PostgreSQLStore

    password = None if settings.password is None else settings.password.get_secret_value()
    where = f"[observer.{context.instance}] url"
    return PostgreSQLStore(parse_address(settings.url.get_secret_value(), password, where), retention)
