"""Counts of quotas that outlast the process, in a file that the processes of a user share."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Final

from budwood.contracts import Clock, EmitLog
from budwood.limiting.counters import KEPT_SECONDS, Period, find_denial
from budwood.limiting.database import Database
from budwood.types import Claim, Denial

RETRY_SECONDS: Final = 5.0
"""Seconds after which a file that could not be used is tried again."""

_PRUNE_SECONDS: Final = 3600.0

_READ: Final = "SELECT used FROM counts WHERE key = ? AND resets_at = ?"
_ADD: Final = """
    INSERT INTO counts (key, resets_at, used) VALUES (?, ?, max(?, 0.0))
    ON CONFLICT (key, resets_at) DO UPDATE SET used = max(used + ?, 0.0)
"""
_PRUNE: Final = "DELETE FROM counts WHERE resets_at < ?"

_Changes = Mapping[Period, float]


class LastingCounters:
    """
    Counts in an SQLite file. While it cannot be used, counts in memory, and adds that to the file later. Thread-safe.

    Args:
        path: The path of the file. It is created on first use.
        clock: The clock.
        log: Receives an event when the file is damaged or cannot be used.
    """

    def __init__(self, path: Path, clock: Clock, log: EmitLog) -> None:
        self._path = path
        self._clock = clock
        self._log = log
        self._database = Database(path, log)
        self._lock = threading.Lock()
        self._known: dict[Period, float] = {}
        self._unwritten: dict[Period, float] = {}
        self._retry_at = -inf
        self._prune_at = -inf

    def reset(self) -> None:
        """Start anew in a child process, or in a test. The file remains."""
        self._lock = threading.Lock()
        self._known = {}
        self._unwritten = {}
        self._retry_at = -inf

    def take(self, claims: Sequence[Claim]) -> Denial | None:
        """Take all claims, or none of them."""
        denial: Denial | None = None

        def decide(used: _Changes) -> _Changes:
            nonlocal denial
            denial = self._compare(claims, used)
            return {} if denial is not None else {Period.of(claim): claim.amount for claim in claims}

        self._change({Period.of(claim) for claim in claims}, decide)
        return denial

    def find_denial(self, claims: Sequence[Claim]) -> Denial | None:
        """Return why claims do not fit, and take nothing."""
        used: _Changes = {}

        def decide(found: _Changes) -> _Changes:
            nonlocal used
            used = found
            return {}

        self._change({Period.of(claim) for claim in claims}, decide)
        return self._compare(claims, used)

    def add(self, changes: Iterable[tuple[Claim, float]]) -> None:
        """Add units to quotas, also beyond their limits; negative amounts give units back."""
        by_period = {Period.of(claim): amount for claim, amount in changes}
        self._change(by_period.keys(), lambda _: by_period)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _compare(self, claims: Iterable[Claim], used: _Changes) -> Denial | None:
        return find_denial([(claim, used[Period.of(claim)]) for claim in claims], self._clock.time())

    def _change(self, periods: Iterable[Period], decide: Callable[[_Changes], _Changes]) -> None:
        """Read counts, and write the changes that a function returns for them, in one transaction."""
        with self._lock:
            if self._clock.monotonic() >= self._retry_at:
                try:
                    self._database.use(lambda connection: self._change_file(connection, periods, decide))
                except OSError as error:
                    self._report(error)
                else:
                    self._unwritten = {}
                    self._retry_at = -inf
                    return
            used = {each: self._known.get(each, 0.0) + self._unwritten.get(each, 0.0) for each in periods}
            for period, amount in decide(used).items():
                self._unwritten[period] = self._unwritten.get(period, 0.0) + amount

    def _change_file(
        self, connection: sqlite3.Connection, periods: Iterable[Period], decide: Callable[[_Changes], _Changes]
    ) -> None:
        now = self._clock.time()
        if self._clock.monotonic() >= self._prune_at:
            connection.execute(_PRUNE, (now - KEPT_SECONDS,))
            self._prune_at = self._clock.monotonic() + _PRUNE_SECONDS
            self._known = {}
        _add(connection, self._unwritten)
        used = {each: _read(connection, each) for each in periods}
        changes = decide(used)
        _add(connection, changes)
        self._known.update({each: max(taken + changes.get(each, 0.0), 0.0) for each, taken in used.items()})

    def _report(self, error: OSError) -> None:
        if self._retry_at == -inf:
            self._log("limits file unusable", level="warning", path=str(self._path), reason=error.strerror)
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS


def _read(connection: sqlite3.Connection, period: Period) -> float:
    row = connection.execute(_READ, (_encode(period.key), period.resets_at)).fetchone()
    return float(row[0]) if row is not None else 0.0


def _add(connection: sqlite3.Connection, changes: _Changes) -> None:
    rows = [(_encode(period.key), period.resets_at, amount, amount) for period, amount in changes.items()]
    connection.executemany(_ADD, rows)


def _encode(key: str) -> bytes:
    """Encode a key as bytes; it may be any text, including lone surrogates."""
    return key.encode("utf-8", "surrogatepass")
