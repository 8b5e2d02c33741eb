"""Starting and resuming runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood_generation.clients import ModelClient
from budwood_generation.errors import DamagedJournalError, JournalError, JournalFormatError
from budwood_generation.journal import Journal
from budwood_generation.outputs import SUFFIX, is_url
from budwood_generation.plan import Plan, make_plan
from budwood_generation.runs.creating import Environment, create_rows
from budwood_generation.runs.delivery import open_delivery
from budwood_generation.runs.folder import count_saved_rows, find_run_folder, open_journal, read_saved_header
from budwood_generation.runs.interrupts import Interrupted, Interrupts, graceful_interrupts
from budwood_generation.runs.progress import ExitRequest, Meter, Progress
from budwood_generation.runs.report import Failure, RunReport
from budwood_generation.spec import GenerationSpec
from budwood_generation.spec_sources import SpecSource, make_spec

T = TypeVar("T")
OnProgress = Callable[[Progress], None]


def generate(
    spec: SpecSource,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """
    Create a dataset. If a run of the same specification was interrupted, continue it.

    Args:
        spec: The specification, a dictionary in the form of its file, or the path of the file.
        settings: As for `budwood.Client`.
        on_progress: Called after every commit. What it raises stops the run.

    Raises:
        BudwoodError: The error that stopped the run. Finished work is in the journal, also after `KeyboardInterrupt`.
    """
    return _run(lambda interrupts: _generate(spec, settings, on_progress, interrupts))


async def generate_async(
    spec: SpecSource,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
    client: ModelClient | None = None,
) -> RunReport:
    """
    Create a dataset; see `generate`. If the task is cancelled, `resume` continues the run.

    Documents are read in a thread, so that the event loop goes on.

    Args:
        spec: As for `generate`; ``settings`` and ``on_progress`` too.
        settings: The settings of plugins, and of the client.
        on_progress: Called after every commit, in the event loop.
        client: Sends the calls, and stays open; by default a new client with the settings.
    """
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    plan = await asyncio.to_thread(make_plan, spec, settings=settings, client=client)
    return await _run_plan(plan, Environment(settings, client=client), on_progress)


def resume(
    path: str | Path,
    *,
    only: str | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """
    Continue a run, and try its failed rows again.

    Args:
        path: The folder of the run, or its output: a file, or a URL, whose run is in the current folder. A URL may
            contain the credentials, which the journal does not store.
        only: The name of an error, such as "RateLimitError": try only those rows that failed with it.
        settings: As for `budwood.Client`.
        on_progress: Called after every commit.

    Raises:
        BudwoodError: There is no such run, its documents have changed, or an error stopped it.
    """
    return _run(lambda interrupts: _resume(path, only, settings, on_progress, interrupts))


async def resume_async(
    path: str | Path,
    *,
    only: str | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Continue a run; see `resume`."""
    return await _resume(path, only, settings, on_progress)


def count_finished_rows(plan: Plan) -> int:
    """
    Return the number of rows of a plan that an earlier run finished, and that `generate` does not create again.

    Raises:
        OtherRunError: The output belongs to another run, or to none, and `generate` would refuse the plan.
        JournalError: The journal cannot be read.
    """
    return count_saved_rows(plan.run_folder, plan.output, plan.header(), plan.stages)


def load_saved_spec(folder: Path) -> GenerationSpec:
    """
    Load the specification of a run from its journal. An output file is next to the folder, also if it was moved.

    Raises:
        JournalError: The journal cannot be read.
    """
    header = read_saved_header(folder)
    try:
        spec = make_spec(header.spec, (folder / header.root).resolve(), where=folder.name)
    except ConfigurationError as error:
        raise JournalError(
            f"{folder.name}: the specification in the journal cannot be read: {error.message}",
            hint="Use the version of budwood-generation that started the run.",
        ) from error
    if is_url(spec.output):
        if spec.run_folder != folder:
            raise ConfigurationError(
                f"{folder.name}: the run folder was renamed or moved.",
                hint=f"Its name and place depend on the output. Move it back to {spec.run_folder}.",
            )
        return spec
    return spec.model_copy(update={"output": str(folder.with_name(folder.name.removesuffix(SUFFIX)))})


async def _generate(
    spec: SpecSource,
    settings: Settings | Mapping[str, Any] | None,
    on_progress: OnProgress | None,
    interrupts: Interrupts | None = None,
) -> RunReport:
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    return await _run_plan(_plan(spec, settings, interrupts), Environment(settings, interrupts), on_progress)


async def _resume(
    path: str | Path,
    only: str | None,
    settings: Settings | Mapping[str, Any] | None,
    on_progress: OnProgress | None,
    interrupts: Interrupts | None = None,
) -> RunReport:
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    spec = load_saved_spec(find_run_folder(path))
    if isinstance(path, str) and is_url(path):
        spec = spec.model_copy(update={"output": path})
    plan = replace(_plan(spec, settings, interrupts), only=only)
    return await _run_plan(plan, Environment(settings, interrupts), on_progress)


def _plan(spec: SpecSource, settings: Settings, interrupts: Interrupts | None) -> Plan:
    """Plan a run. Reading documents may take minutes, and the event loop does not run meanwhile."""
    with interrupts.ending_at_once() if interrupts else nullcontext():
        return make_plan(spec, settings=settings)


def _run(start: Callable[[Interrupts], Coroutine[Any, Any, T]]) -> T:
    if _is_in_event_loop():
        raise ConfigurationError(
            "This function blocks, and was called in an event loop.",
            hint="Await the function whose name ends in _async.",
        )
    with graceful_interrupts() as interrupts:
        return _run_interruptible(start, interrupts)


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_interruptible(start: Callable[[Interrupts], Coroutine[Any, Any, T]], interrupts: Interrupts) -> T:
    try:
        return asyncio.run(_run_with_handlers(start, interrupts))
    except (Interrupted, asyncio.CancelledError) as error:
        if interrupts.signal is None:
            raise
        notes = getattr(error, "__notes__", [])
    raise interrupts.end(notes)


async def _run_with_handlers(start: Callable[[Interrupts], Coroutine[Any, Any, T]], interrupts: Interrupts) -> T:
    interrupts.install()
    return await start(interrupts)


async def _run_plan(plan: Plan, environment: Environment, on_progress: OnProgress | None) -> RunReport:
    try:
        try:
            return await _run_session(plan, environment, on_progress)
        except DamagedJournalError:  # it was marked as suspected, so opening it repairs it
            return await _run_session(plan, environment, on_progress)
    except JournalFormatError:
        raise
    except JournalError as error:
        _add_resume_note(error, plan)
        raise


async def _run_session(plan: Plan, environment: Environment, on_progress: OnProgress | None) -> RunReport:
    notes = (*plan.notes_on_output, *plan.notes_on_speed, *plan.notes_on_exclusions)  # before the folder exists
    try:
        with open_journal(plan.run_folder, plan.output, plan.header(), plan.stages) as journal:
            meter = Meter(journal.totals(), len(plan.cells), plan.turns, on_progress, notes=notes)
            return await _run_with_note(plan, environment, journal, meter)
    except ExitRequest as request:
        for note in getattr(request, "__notes__", ()):
            request.reason.add_note(note)
        raise request.reason from None


async def _run_with_note(plan: Plan, environment: Environment, journal: Journal, meter: Meter) -> RunReport:
    try:
        async with open_delivery(plan, journal, meter.report_storage) as delivery:
            await create_rows(plan, environment, journal, meter)
            rows = await delivery.finish()
        return _report(plan, journal, meter, rows)
    except BaseException as error:
        if not isinstance(error, JournalError) and _has_finished_calls(journal):
            _add_resume_note(error, plan)
        raise


def _add_resume_note(error: BaseException, plan: Plan) -> None:
    here, folder = Path.cwd(), plan.run_folder
    shown = folder.relative_to(here) if folder.is_relative_to(here) else folder
    error.add_note(f"Finished work is saved. To continue: budwood runs resume {shown}")


def _has_finished_calls(journal: Journal) -> bool:
    try:
        return journal.totals().calls > 0
    except JournalError:
        return True


def _report(plan: Plan, journal: Journal, meter: Meter, rows: int) -> RunReport:
    return RunReport(
        output=plan.output,
        run_folder=plan.run_folder,
        rows=rows,
        rows_requested=len(plan.cells),
        failures=tuple(Failure(index, failure.reason, failure.error) for index, failure in journal.failures().items()),
        calls=meter.session.calls,
        rejected=meter.session.rejected,
        rows_reused=meter.before.rows,
        input_tokens=meter.session.input_tokens,
        output_tokens=meter.session.output_tokens,
        cost=meter.session.cost,
        total_calls=meter.totals.calls,
        total_input_tokens=meter.totals.input_tokens,
        total_output_tokens=meter.totals.output_tokens,
        total_cost=meter.totals.cost,
        seconds=meter.seconds,
        paused_seconds=meter.paused_seconds,
        skipped_files=plan.skipped_files,
        unreadable=plan.unreadable,
        notes=(*journal.notes, *plan.notes_on_documents),
    )
