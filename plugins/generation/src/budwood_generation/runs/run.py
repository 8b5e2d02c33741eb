"""Starting and resuming runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from budwood import AsyncClient
from budwood.errors import ConfigurationError
from budwood.settings import Settings
from budwood_generation.errors import JournalError, OutputError
from budwood_generation.journal import Journal
from budwood_generation.outputs import SUFFIX, is_url, output_label
from budwood_generation.plan import Plan, make_plan
from budwood_generation.runs.calls import Caller
from budwood_generation.runs.folder import find_run_folder, open_journal, read_saved_header
from budwood_generation.runs.interrupts import graceful_interrupts
from budwood_generation.runs.progress import Meter, Progress
from budwood_generation.runs.report import Failure, RunReport
from budwood_generation.runs.rows import ConversationGenerator, RowGenerator, ValueGenerator
from budwood_generation.runs.runner import Runner
from budwood_generation.spec import ConversationSpec, GenerationSpec, SpecSource, make_spec

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
        on_progress: Called after every commit.

    Raises:
        BudwoodError: The error that stopped the run. Finished work is in the journal, also after `KeyboardInterrupt`.
    """
    return _run(lambda: generate_async(spec, settings=settings, on_progress=on_progress))


async def generate_async(
    spec: SpecSource,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Create a dataset; see `generate`. If the task is cancelled, `resume` continues the run."""
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    return await _run_plan(make_plan(spec, settings=settings), settings, on_progress)


def resume(
    path: str | Path,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """
    Continue a run, and try its failed rows again.

    Args:
        path: The folder of the run, or its output: a file, or a URL, whose run is in the current folder. A URL may
            contain the credentials, which the journal does not store.
        settings: As for `budwood.Client`.
        on_progress: Called after every commit.

    Raises:
        BudwoodError: There is no such run, its documents have changed, or an error stopped it.
    """
    return _run(lambda: resume_async(path, settings=settings, on_progress=on_progress))


async def resume_async(
    path: str | Path,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Continue a run; see `resume`."""
    settings = settings if isinstance(settings, Settings) else Settings.load(settings)
    spec = load_saved_spec(find_run_folder(path))
    if isinstance(path, str) and is_url(path):
        spec = spec.model_copy(update={"output": path})
    return await _run_plan(make_plan(spec, settings=settings), settings, on_progress)


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


def _run(start: Callable[[], Coroutine[Any, Any, T]]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with graceful_interrupts() as install_handler:
            return asyncio.run(_run_with_handler(start, install_handler))
    raise ConfigurationError(
        "This function blocks, and was called in an event loop.", hint="Await the function whose name ends in _async."
    )


async def _run_with_handler(start: Callable[[], Coroutine[Any, Any, T]], install_handler: Callable[[], None]) -> T:
    install_handler()
    return await start()


async def _run_plan(plan: Plan, settings: Settings, on_progress: OnProgress | None) -> RunReport:
    try:
        with open_journal(plan.run_folder, plan.output, plan.header(), plan.stages) as journal:
            return await _run_with_note(plan, settings, journal, on_progress)
    except JournalError as error:
        _add_resume_note(error, plan)
        raise


async def _run_with_note(plan: Plan, settings: Settings, journal: Journal, on_progress: OnProgress | None) -> RunReport:
    try:
        return await _create_rows(plan, settings, journal, on_progress)
    except BaseException as error:
        if not isinstance(error, JournalError) and _has_finished_calls(journal):
            _add_resume_note(error, plan)
        raise


def _add_resume_note(error: BaseException, plan: Plan) -> None:
    error.add_note(f"Finished work is saved. To continue: budwood runs resume {plan.run_folder}")


def _has_finished_calls(journal: Journal) -> bool:
    try:
        return journal.totals().calls > 0
    except JournalError:
        return True


async def _create_rows(plan: Plan, settings: Settings, journal: Journal, on_progress: OnProgress | None) -> RunReport:
    before = journal.totals()
    done = journal.finished()
    meter = Meter(before, len(plan.cells), plan.turns, on_progress)
    async with AsyncClient(settings=settings) as client:
        generator = _row_generator(plan, Caller(client, journal, meter, plan.spec.seed), journal)
        runner = Runner(generator, journal, meter, plan.spec.concurrency)
        await runner.run(plan.cells[index] for index in done.missing())
    return _report(plan, journal, meter, await _write_in_thread(plan, journal))


def _row_generator(plan: Plan, caller: Caller, journal: Journal) -> RowGenerator:
    job = plan.spec.job
    if isinstance(job, ConversationSpec):
        return ConversationGenerator(plan.spec, job, plan.plugins, caller, journal)
    return ValueGenerator(plan.spec, job, plan.plugins, caller)


async def _write_in_thread(plan: Plan, journal: Journal) -> int:
    """Write the output in a thread. If the run is cancelled, wait for the thread: it reads the journal."""
    writing = asyncio.ensure_future(asyncio.to_thread(_write_output, plan, journal))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.gather(writing, return_exceptions=True)
        raise


def _write_output(plan: Plan, journal: Journal) -> int:
    try:
        return plan.plugins.storage.finish(journal.rows())
    except OSError as error:
        raise OutputError(
            f"Cannot write the output {output_label(plan.output)}: {error.strerror or error}.",
            hint="Free disk space, or make the folder writable. Then resume: no call is repeated.",
        ) from error


def _report(plan: Plan, journal: Journal, meter: Meter, rows: int) -> RunReport:
    return RunReport(
        output=plan.output,
        run_folder=plan.run_folder,
        rows=rows,
        rows_requested=len(plan.cells),
        failures=tuple(Failure(index, failure.reason) for index, failure in journal.failures().items()),
        calls=meter.calls,
        rows_reused=meter.before.rows,
        input_tokens=meter.input_tokens,
        output_tokens=meter.output_tokens,
        cost=meter.cost,
        seconds=meter.seconds,
        skipped_files=plan.skipped_files,
        unreadable=plan.unreadable,
    )
