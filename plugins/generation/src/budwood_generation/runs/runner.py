"""Make all rows of a plan, several at once."""

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
from budwood_generation.runs.making import RowMaker
from budwood_generation.runs.progress import Meter

HOPELESS: Final = (
    AuthenticationError,
    ConfigurationError,
    JournalError,
    NotFoundError,
    PermissionDeniedError,
    PluginError,
    QuotaExhaustedError,
    UnsupportedError,
)
"""What would fail every further row in the same way, so that the run stops."""

FAILURES_IN_A_ROW: Final = 10
"""So many failed rows without a success between them, and as many as are worked on at once, stop the run as well."""


class Runner:
    """
    Works on cells until all are done, failed, or nothing more can succeed.

    Args:
        maker: Makes one row.
        journal: Gets the failures.
        meter: Counts them.
        concurrency: How many cells are worked on at once.
    """

    def __init__(self, maker: RowMaker, journal: Journal, meter: Meter, concurrency: int) -> None:
        self._maker = maker
        self._journal = journal
        self._meter = meter
        self._concurrency = concurrency
        self._failed_in_a_row = 0

    async def run(self, cells: Iterator[Cell]) -> None:
        """
        Work on cells, in their order.

        Raises:
            BudwoodError: What stopped the run.
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
                await self._maker.make(cell)
            except HOPELESS:
                raise
            except BudwoodError as error:
                await self._fail(cell, error)
            else:
                self._failed_in_a_row = 0

    async def _fail(self, cell: Cell, error: BudwoodError) -> None:
        failure = RowFailed(row_id=cell.id, index=cell.index, reason=f"{type(error).__name__}: {error}")
        await asyncio.wrap_future(self._journal.commit(failure))
        self._meter.kept(failure)
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= max(FAILURES_IN_A_ROW, self._concurrency):
            raise error
