"""The finished rows of a run, from its journal, also while it is executed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from budwood_server.api_models.runs import RunRow

if TYPE_CHECKING:
    from pathlib import Path


def has_journal(output: Path) -> bool:
    """Tell whether a run has begun, so that it can have rows."""
    from budwood_generation.journal import JOURNAL
    from budwood_generation.outputs import SUFFIX

    folder = output if output.suffix == SUFFIX else output.with_name(f"{output.name}{SUFFIX}")
    return (folder / JOURNAL).is_file()


def read_page(output: Path, after: int, limit: int) -> Sequence[RunRow]:
    """
    Return finished rows in the order of the plan. It blocks.

    Args:
        output: The output of the run; see `RunFolders.output`.
        after: The index of the row before; -1 for the first page.
        limit: The maximum number.

    Raises:
        JournalError: The journal is damaged.
    """
    if not has_journal(output):
        return []
    from budwood_generation import read_rows

    rows = islice(read_rows(output, after), limit)
    return [RunRow(index=row.index, id=row.id, data=dict(row.data)) for row in rows]
