"""Creating all rows of a plan, in parallel."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from budwood import BudwoodError
from budwood.errors import (
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    QuotaExhaustedError,
    UnsupportedError,
)
from budwood.types import Cell
from budwood_generation.errors import JournalError
from budwood_generation.journal import Journal, RowFailed
from budwood_generation.runs.progress import Meter
from budwood_generation.runs.rows import RowGenerator

FATAL_ERRORS: Final = (
    AuthenticationError,
    ConfigurationError,
    JournalError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    QuotaExhaustedError,
    UnsupportedError,
)
"""Errors that would fail every row in the same way. They stop the run."""

MAX_CONSECUTIVE_FAILURES: Final = 10
"""
Failed rows without a success between them that stop the run. If more rows are created in parallel, their number counts.
"""


class Runner:
    """
    Creates the rows of all cells, or stops at a fatal error.

    Args:
        generator: Creates one row.
        journal: Stores the failures.
        meter: Counts the failures.
        concurrency: Number of rows created in parallel.
    """

    def __init__(self, generator: RowGenerator, journal: Journal, meter: Meter, concurrency: int) -> None:
        self._generator = generator
        self._journal = journal
        self._meter = meter
        self._concurrency = concurrency
        self._consecutive_failures = 0

    async def run(self, cells: Iterator[Cell]) -> None:
        """
        Create the rows of cells, in their order.

        Raises:
            BudwoodError: The error that stopped the run.
        """
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(self._concurrency):
                    workers.create_task(self._work(cells))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group.exceptions[0].__cause__

    async def _work(self, cells: Iterator[Cell]) -> None:
        for cell in cells:
            try:
                await self._generator.create(cell)
            except FATAL_ERRORS:
                raise
            except BudwoodError as error:
                await self._record_failure(cell, error)
            else:
                self._consecutive_failures = 0

    async def _record_failure(self, cell: Cell, error: BudwoodError) -> None:
        name = type(error).__name__
        failure = RowFailed(index=cell.index, reason=f"{name}: {error}", error=name)
        await asyncio.wrap_future(self._journal.commit(failure))
        self._meter.count(failure)
        self._consecutive_failures += 1
        if self._consecutive_failures >= max(MAX_CONSECUTIVE_FAILURES, self._concurrency):
            raise error
