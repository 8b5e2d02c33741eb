"""Begin a run, or go on with one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from budwood import AsyncClient
from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood_generation.errors import JournalError, OutputError
from budwood_generation.files import check_path
from budwood_generation.journal import Journal, read_header
from budwood_generation.plan import Plan, make_plan
from budwood_generation.runs.calling import Caller
from budwood_generation.runs.folder import ENDING, JOURNAL, opened, run_folder_at
from budwood_generation.runs.interrupts import patient
from budwood_generation.runs.making import ConversationMaker, RowMaker, ValueMaker
from budwood_generation.runs.progress import Meter, Progress
from budwood_generation.runs.report import Failure, RunReport
from budwood_generation.runs.runner import Runner
from budwood_generation.spec import ConversationSpec, GenerationSpec, SpecSource, make_spec

T = TypeVar("T")
Watch = Callable[[Progress], None]


def generate(
    spec: SpecSource,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: Watch | None = None,
) -> RunReport:
    """
    Make a dataset, or go on with it where the same specification was interrupted.

    Args:
        spec: The specification, a dictionary in the form of its file, or the path of the file.
        settings: As for `budwood.Client`.
        on_progress: Called after every commit.

    Raises:
        BudwoodError: What stopped the run. All that was finished is in the journal, also after `KeyboardInterrupt`.
    """
    return _run(lambda: generate_async(spec, settings=settings, on_progress=on_progress))


async def generate_async(
    spec: SpecSource,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: Watch | None = None,
) -> RunReport:
    """Make a dataset; see `generate`. A cancelled task leaves the run where `resume` takes it up."""
    known = settings if isinstance(settings, Settings) else Settings.load(settings)
    return await _perform(make_plan(spec, settings=known), known, on_progress)


def resume(
    path: str | Path,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: Watch | None = None,
) -> RunReport:
    """
    Go on with a run.

    Args:
        path: The folder of the run, or its output.
        settings: As for `budwood.Client`.
        on_progress: Called after every commit.

    Raises:
        BudwoodError: There is no such run, its documents have changed, or what stopped it.
    """
    return _run(lambda: resume_async(path, settings=settings, on_progress=on_progress))


async def resume_async(
    path: str | Path,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: Watch | None = None,
) -> RunReport:
    """Go on with a run; see `resume`."""
    known = settings if isinstance(settings, Settings) else Settings.load(settings)
    folder = run_folder_at(check_path(path))
    return await _perform(make_plan(saved_spec(folder), settings=known), known, on_progress)


def saved_spec(folder: Path) -> GenerationSpec:
    """
    Read the specification that a run was begun with; the output is where the folder is now.

    Raises:
        JournalError: The journal cannot be read.
    """
    header = read_header(folder / JOURNAL)
    try:
        spec = make_spec(header.spec, (folder / header.root).resolve(), where=folder.name)
    except ConfigurationError as error:
        raise JournalError(
            f"{folder.name}: the specification in the journal cannot be read: {error.message}",
            hint="Go on with the version of budwood-generation that began the run.",
        ) from error
    return spec.model_copy(update={"output": folder.with_name(folder.name.removesuffix(ENDING))})


def _run(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with patient() as be_patient:
            return asyncio.run(_begun(make, be_patient))
    raise ConfigurationError(
        "This is called from within an event loop, which it would block.", hint="Await the form that ends in _async."
    )


async def _begun(make: Callable[[], Coroutine[Any, Any, T]], be_patient: Callable[[], None]) -> T:
    be_patient()
    return await make()


async def _perform(plan: Plan, settings: Settings, watch: Watch | None) -> RunReport:
    try:
        with opened(plan.run_folder, plan.output, plan.header()) as journal:
            return await _noted(plan, settings, journal, watch)
    except JournalError as error:
        _tell_how_to_resume(error, plan)
        raise


async def _noted(plan: Plan, settings: Settings, journal: Journal, watch: Watch | None) -> RunReport:
    try:
        return await _work(plan, settings, journal, watch)
    except BaseException as error:
        if not isinstance(error, JournalError) and _has_work(journal):
            _tell_how_to_resume(error, plan)
        raise


def _tell_how_to_resume(error: BaseException, plan: Plan) -> None:
    error.add_note(f"What was finished is kept. Go on with: budwood runs resume {plan.run_folder}")


def _has_work(journal: Journal) -> bool:
    try:
        return journal.counts().calls > 0
    except JournalError:
        return True


async def _work(plan: Plan, settings: Settings, journal: Journal, watch: Watch | None) -> RunReport:
    before = journal.counts()
    done = journal.finished()
    meter = Meter(before, len(plan.cells), plan.turns, watch)
    async with AsyncClient(settings=settings) as client:
        maker = _maker(plan, Caller(client, journal, meter, plan.spec.seed), journal)
        runner = Runner(maker, journal, meter, plan.spec.concurrency)
        await runner.run(cell for cell in plan.cells if cell.index not in done)
    return _report(plan, journal, meter, await _written(plan, journal))


def _maker(plan: Plan, caller: Caller, journal: Journal) -> RowMaker:
    job = plan.spec.job
    if isinstance(job, ConversationSpec):
        return ConversationMaker(plan.spec, job, plan.chosen, caller, journal)
    return ValueMaker(plan.spec, job, plan.chosen, caller)


async def _written(plan: Plan, journal: Journal) -> int:
    """Write the output in a thread. It comes to its end also when the run is cancelled: it reads the journal."""
    writing = asyncio.ensure_future(asyncio.to_thread(_write, plan, journal))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.gather(writing, return_exceptions=True)
        raise


def _write(plan: Plan, journal: Journal) -> int:
    try:
        return plan.chosen.storage.write(journal.rows())
    except OSError as error:
        raise OutputError(
            f"The output {plan.output.name} cannot be written: {error.strerror or error}.",
            hint="Make room on the disk, or see that the folder can be written, and resume: no call is made again.",
        ) from error


def _report(plan: Plan, journal: Journal, meter: Meter, rows: int) -> RunReport:
    return RunReport(
        output=plan.output,
        run_folder=plan.run_folder,
        rows=rows,
        rows_wanted=len(plan.cells),
        failures=tuple(Failure(index, reason) for index, reason in journal.counts().failures.items()),
        calls=meter.calls,
        rows_reused=meter.before.rows,
        input_tokens=meter.input_tokens,
        output_tokens=meter.output_tokens,
        cost=meter.cost,
        seconds=meter.seconds,
        passed_over=plan.passed_over,
    )
