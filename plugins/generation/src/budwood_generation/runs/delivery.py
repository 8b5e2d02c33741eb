"""The output of a run: delivered while rows are created, finished at the end, and left alone if nothing has changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic_core import from_json, to_json

from budwood.providing import write_file_atomically
from budwood.types import Dataset
from budwood_generation.cells import make_digest
from budwood_generation.errors import OutputError
from budwood_generation.journal import Journal
from budwood_generation.outputs import dataset_name, output_label
from budwood_generation.plan import Plan
from budwood_generation.provenance import Provenance
from budwood_generation.runs.sink import Sink
from budwood_generation.schemas import row_schema

RECEIPT: Final = "output.json"
"""The file in the run folder that describes the finished output."""


class Delivery(Protocol):
    """The output of a run that is under way."""

    async def finish(self) -> int:
        """Deliver all rows and finish the output. Returns its number of rows."""
        ...


@contextlib.asynccontextmanager
async def open_delivery(plan: Plan, journal: Journal, report: Callable[[str | None], None]) -> AsyncIterator[Delivery]:
    """
    Deliver the rows of a run to its storage within an ``async with`` block.

    Args:
        plan: The plan.
        journal: The journal, which the rows come from.
        report: Called in the event loop with the reason while the storage fails, and with None when it works again.

    Raises:
        OutputError: The output cannot be written.
        BudwoodError: The storage cannot be used.
    """
    finished = _find_finished(plan, journal)
    if finished is not None:
        yield _FinishedOutput(finished)
        return
    provenance = Provenance(plan.spec, journal.calls)
    sink = Sink(
        plan.plugins.storage,
        journal,
        _describe(plan, journal),
        complete=provenance.complete,
        on_finish=lambda: provenance.write_sidecar(journal.rows()),
        patience=0.0 if isinstance(plan.output, Path) else plan.spec.patience,
        report=_report_in(asyncio.get_running_loop(), report),
    )
    async with contextlib.AsyncExitStack() as stack:
        with _output_errors(plan):
            await stack.enter_async_context(sink)
        yield _UnderWay(plan, journal, sink)


class _FinishedOutput:
    """An output that has all rows of the run."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def finish(self) -> int:
        """Return the number of rows."""
        return self._rows


class _UnderWay:
    """An output to which rows are delivered."""

    def __init__(self, plan: Plan, journal: Journal, sink: Sink) -> None:
        self._plan = plan
        self._journal = journal
        self._sink = sink

    async def finish(self) -> int:
        """Deliver the last rows, finish the output, and remember how it looks."""
        with _output_errors(self._plan):
            rows = await self._sink.finish()
        receipt = to_json(_make_receipt(self._plan, self._journal, rows), indent=1).decode()
        with contextlib.suppress(OSError):  # without it, the output is written again when the run is resumed
            write_file_atomically(self._plan.run_folder / RECEIPT, receipt)
        return rows


@contextlib.contextmanager
def _output_errors(plan: Plan) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).rstrip(".")
        raise OutputError(
            f"Cannot write the output {output_label(plan.output)}: {reason}.", hint=_hint(plan)
        ) from error


def _hint(plan: Plan) -> str:
    if isinstance(plan.output, Path):
        return "Free disk space, or make the folder writable. Then resume: no call is repeated."
    if plan.output != plan.spec.output or "@" not in plan.output:
        return "Make it available. Then resume: no call is repeated."
    return (
        "Make it available. The journal stores no credentials: they are in the environment, or in the URL when you "
        f'resume: budwood runs resume "{plan.output}".'
    )


def _describe(plan: Plan, journal: Journal) -> Dataset:
    return Dataset(
        run=journal.header.run,
        name=dataset_name(plan.spec.output),
        content="messages" if plan.spec.conversation else "value",
        schema=row_schema(plan.spec),
        rows=len(plan.cells),
    )


def _report_in(loop: asyncio.AbstractEventLoop, report: Callable[[str | None], None]) -> Callable[[str | None], None]:
    def send(reason: str | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the run was interrupted
            loop.call_soon_threadsafe(report, reason)

    return send


def read_receipt(folder: Path) -> dict[str, Any]:
    """Read the description of the finished output of a run; empty if there is none."""
    try:
        found = from_json((folder / RECEIPT).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _find_finished(plan: Plan, journal: Journal) -> int | None:
    """
    Return the number of rows of a file if it is as the last session has left it, and no row is missing.

    For URLs it is None: the storage compares the rows when the run is resumed.
    """
    rows = len(plan.cells)
    if not isinstance(plan.output, Path) or journal.totals().rows != rows:
        return None
    return rows if read_receipt(plan.run_folder) == _make_receipt(plan, journal, rows) else None


def _make_receipt(plan: Plan, journal: Journal, rows: int) -> dict[str, Any]:
    """Describe a finished output."""
    sidecar = Provenance(plan.spec, journal.calls).sidecar
    target = plan.spec.model_dump(mode="json", include={"storage", "provenance"})
    return {
        "run": journal.header.run,
        "rows": rows,
        "target": make_digest([target, row_schema(plan.spec)]),
        "files": [_describe_file(path) for path in (plan.output, sidecar) if isinstance(path, Path)],
    }


def _describe_file(path: Path) -> list[int] | None:
    """Return the size and the time of the last change; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
