"""Execute one run that a worker has claimed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from budwood import logs
from budwood.errors import BudwoodError
from budwood_server.api_models.runs import RunProblem, RunProgress, RunState
from budwood_server.database import DatabaseError
from budwood_server.runs.claims import ClaimLostError
from budwood_server.runs.folders import find_output
from budwood_server.runs.models import RunModels
from budwood_server.runs.outputs import check_permitted, load_storages
from budwood_server.runs.payers import Payer
from budwood_server.runs.preparation import hide_folder, load_notes, load_source

if TYPE_CHECKING:
    from pathlib import Path

    from budwood_generation import Progress, RunReport
    from budwood_server.runs.claims import Claims
    from budwood_server.runs.folders import RunFolders
    from budwood_server.runs.records import Run
    from budwood_server.worker import Worker

POLL_SECONDS: Final = 1.0
"""Seconds between two looks whether a run was cancelled, at which its progress is stored."""

BUSY_SECONDS: Final = 5.0
"""Seconds before a run is claimed again whose journal is locked, because its last worker is just ending."""

MAX_NOTES: Final = 20


class RunExecution:
    """
    Executes a run until it has ended, was cancelled, or the worker stops.

    Args:
        worker: The state of the process: the configuration, the database, limits and records of calls.
        claims: Hold the claim.
        folders: Have the files of the run.
        run: The run.
    """

    def __init__(self, worker: Worker, claims: Claims, folders: RunFolders, run: Run) -> None:
        self._worker = worker
        self._claims = claims
        self._folder = folders.runs.path(run.id)
        self._run = run
        self._notes: Sequence[str] = ()
        self._progress = run.progress
        self._changed = False
        self._was_cancelled = False

    async def execute(self) -> None:
        """Execute the run, and store how it ended. If the task is cancelled, the run is given back."""
        try:
            async with self._holding_claim() as work:
                await self._work(work)
        except ClaimLostError:
            logs.emit("run lost", level="warning", run=self._run.id)
        except DatabaseError as error:  # another worker claims it when the lease has ended
            logs.emit("run not stored", level="warning", run=self._run.id, reason=str(error))

    async def _work(self, work: asyncio.Task[RunReport]) -> None:
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:  # the worker stops
            await _cancel(work)
            await self._release()
            raise
        if work.cancelled():
            await self._finish("cancelled") if self._was_cancelled else await self._release()
            return
        error = work.exception()
        if error is None:
            await self._report(work.result())
        elif not isinstance(error, ClaimLostError):
            await self._fail(error)

    @contextlib.asynccontextmanager
    async def _holding_claim(self) -> AsyncIterator[asyncio.Task[RunReport]]:
        """Renew the claim while the run is executed, and end it when the claim is lost or the run was cancelled."""
        await self._claims.start(self._run)
        work = asyncio.create_task(self._generate(), name=f"budwood-{self._run.id}")
        holding = asyncio.create_task(self._hold(work))
        try:
            yield work
        finally:
            holding.cancel()
            await _cancel(work)
            with contextlib.suppress(asyncio.CancelledError):
                await holding

    async def _hold(self, work: asyncio.Task[RunReport]) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(POLL_SECONDS)
            progress = self._progress if self._changed else None
            self._changed = False
            try:
                self._was_cancelled = await self._claims.renew(self._run, progress)
            except ClaimLostError:
                work.cancel()
                return
            except DatabaseError:
                self._changed = True
                if time.monotonic() - renewed > self._claims.lease:  # another worker may have it
                    work.cancel()
                    return
                continue
            renewed = time.monotonic()
            if self._was_cancelled:
                work.cancel()
                return

    async def _generate(self) -> RunReport:
        from budwood_generation import generate_async

        services = self._worker.services
        assert services is not None  # noqa: S101 - workers of runs have a database
        payer = Payer(services, self._run.principal_kind, self._run.principal_id)
        client = RunModels(self._worker, payer, await payer.find(), self._run.id, self._run.name)
        source = await asyncio.to_thread(load_source, self._folder)
        self._notes = await asyncio.to_thread(load_notes, self._folder)
        settings = self._worker.configuration.settings
        check_permitted(source, load_storages(settings, self._worker.configuration.server.runs.storages))
        return await generate_async(source, settings=settings, on_progress=self._note, client=client)

    def _note(self, progress: Progress) -> None:
        """Note the progress, which is stored at the next look."""
        self._progress = to_progress(progress, self._run.progress, self._notes)
        self._changed = True

    async def _report(self, report: RunReport) -> None:
        notes = [*self._notes, *report.notes, *(f"{each.name}: {each.reason}" for each in report.unreadable)]
        progress = RunProgress(
            rows=report.rows_requested,
            rows_done=report.rows,
            rows_failed=len(report.failures),
            calls=report.total_calls,
            input_tokens=report.total_input_tokens,
            output_tokens=report.total_output_tokens,
            cost=None if report.total_cost is None else str(report.total_cost),
            location=self._run.progress.location,
            notes=[hide_folder(note, self._folder) for note in notes[:MAX_NOTES]],
        )
        if report.complete:
            await self._finish("complete", progress=progress)
            return
        reason = report.failures[0].reason if report.failures else "Rows are missing."
        error = RunProblem(
            code="rows_failed",
            message=f"{len(report.failures):,} of {report.rows_requested:,} rows failed. The first: {reason}",
            hint="Resume the run to try them again.",
        )
        await self._finish("incomplete", error=error, progress=progress)

    async def _fail(self, error: BaseException) -> None:
        from budwood_generation import RunBusyError

        if isinstance(error, RunBusyError):
            await self._claims.release(self._run, delay=BUSY_SECONDS)
            return
        logs.emit("run failed", level="warning", run=self._run.id, error=describe_error(error, self._folder).message)
        await self._finish("failed", error=describe_error(error, self._folder))

    async def _finish(self, state: RunState, **values: Any) -> None:  # noqa: ANN401 - of `Claims.finish`
        if "progress" not in values:
            values["progress"] = await asyncio.to_thread(read_progress, self._folder, self._progress)
        await self._claims.finish(self._run, state, **values)

    async def _release(self) -> None:
        with contextlib.suppress(ClaimLostError):
            await self._claims.release(self._run)


def to_progress(progress: Progress, before: RunProgress, notes: Sequence[str] = ()) -> RunProgress:
    """Return the progress of a run as it is shown. Calls and tokens of earlier sessions are added, and notes."""
    return RunProgress(
        rows=progress.rows,
        rows_done=progress.rows_done,
        rows_failed=progress.errors,
        calls=before.calls + progress.calls,
        input_tokens=_add(before.input_tokens, progress.input_tokens),
        output_tokens=_add(before.output_tokens, progress.output_tokens),
        cost=None if progress.total_cost is None else str(progress.total_cost),
        seconds_left=progress.seconds_left,
        waiting=progress.waiting or progress.storage_problem,
        location=before.location,
        notes=[*notes, *progress.notes][:MAX_NOTES],
    )


def read_progress(folder: Path, known: RunProgress) -> RunProgress:
    """Return the progress of a run that has stopped, from its journal; or what is known if that cannot be read."""
    from budwood_generation import show_run

    known = known.model_copy(update={"seconds_left": None, "waiting": None})
    try:
        info = show_run(find_output(folder))
    except BudwoodError:  # it has not begun
        return known
    if info.problem is not None:
        return known
    return known.model_copy(
        update={
            "rows": info.rows,
            "rows_done": info.rows_done,
            "rows_failed": len(info.failures),
            "calls": info.calls,
            "input_tokens": info.input_tokens,
            "output_tokens": info.output_tokens,
            "cost": None if info.cost is None else str(info.cost),
        }
    )


def describe_error(error: BaseException, folder: Path) -> RunProblem:
    """Return why a run failed. A fault of the program is not described: it may contain data."""
    if not isinstance(error, BudwoodError):
        return RunProblem(
            code="internal_error",
            message=f"The worker failed: {type(error).__name__}.",
            hint="Resume the run. If it fails again, the log of the server has the reason.",
        )
    from budwood_server.gateway.errors import describe

    problem = describe(error)
    hint = None if problem.hint is None else hide_folder(problem.hint, folder)
    return RunProblem(code=problem.code or "error", message=hide_folder(problem.message, folder), hint=hint)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _add(first: int | None, second: int | None) -> int | None:
    return second if first is None else first if second is None else first + second
