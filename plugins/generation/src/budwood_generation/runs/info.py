"""Information about runs, read without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from budwood.errors import ConfigurationError
from budwood_generation.errors import JournalError, JournalFormatError
from budwood_generation.files import check_path
from budwood_generation.journal import (
    JOURNAL,
    count_rows,
    read_failures,
    read_header,
    read_notes,
    read_stages,
    read_totals,
)
from budwood_generation.outputs import SUFFIX, is_url
from budwood_generation.runs.delivery import read_receipt
from budwood_generation.runs.folder import find_run_folder, is_running
from budwood_generation.runs.report import Failure

State = Literal["complete", "unfinished", "running", "damaged", "incompatible"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """
    A run and its state.

    Attributes:
        run_folder: The folder of the journal.
        output: The output file, or the URL without credentials.
        state: "damaged" if the journal cannot be read before the run is resumed; "incompatible" if it is of another
            version, or has lost which run it belongs to. In both cases all numbers are 0.
        rows_done: Number of finished rows, of ``rows``.
        turns_done: Number of finished turns, of ``turns``.
        calls: Number of calls that were paid.
        rejected: Number of calls whose reply was rejected.
        input_tokens: Tokens sent, or None if unknown.
        output_tokens: Tokens received, or None if unknown.
        cost: US dollars, or None if unknown.
        failures: Rows that failed, with the reason.
        models: The models that are called.
        problem: Why the journal cannot be read.
        notes: What was lost because the journal was damaged.
    """

    run_folder: Path
    output: Path | str
    state: State
    rows_done: int = 0
    rows: int = 0
    turns_done: int = 0
    turns: int = 0
    calls: int = 0
    rejected: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    failures: tuple[Failure, ...] = ()
    models: tuple[str, ...] = ()
    problem: str | None = None
    notes: tuple[str, ...] = ()


def list_runs(folder: str | Path = ".") -> list[RunInfo]:
    """
    List the runs in a folder, sorted by name.

    Raises:
        ConfigurationError: There is no such folder.
    """
    folder = check_path(folder)
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise ConfigurationError(f"The folder {str(folder)!r} {problem}.", hint="Give the folder that contains runs.")
    return [_info(path.parent.absolute()) for path in sorted(folder.glob(f"*{SUFFIX}/{JOURNAL}"))]


def show_run(path: str | Path) -> RunInfo:
    """
    Return information about one run.

    Args:
        path: The folder of the run, or its output: a file, or a URL, whose run is in the current folder.

    Raises:
        ConfigurationError: There is no run.
    """
    return _info(find_run_folder(path))


def _info(folder: Path) -> RunInfo:
    output: Path | str = folder.with_name(folder.name.removesuffix(SUFFIX))
    path = folder / JOURNAL
    try:
        header, stages, totals, failures = read_header(path), read_stages(path), read_totals(path), read_failures(path)
        if is_url(saved := str(header.spec["output"])):
            output = saved
    except JournalError as error:
        state: State = "incompatible" if isinstance(error, JournalFormatError) else "damaged"
        return RunInfo(run_folder=folder, output=output, state=state, problem=str(error))
    rows = count_rows(stages)
    return RunInfo(
        run_folder=folder,
        output=output,
        state=_state(folder, output, is_complete=totals.rows == rows == read_receipt(folder).get("rows")),
        rows_done=totals.rows,
        rows=rows,
        turns_done=totals.turns,
        turns=sum(stage.turns for stage in stages),
        calls=totals.calls,
        rejected=totals.rejected,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        cost=totals.cost,
        failures=tuple(Failure(index, failure.reason, failure.error) for index, failure in failures.items()),
        models=header.models,
        notes=read_notes(path),
    )


def _state(folder: Path, output: Path | str, *, is_complete: bool) -> State:
    if is_running(folder):
        return "running"
    has_output = not isinstance(output, Path) or output.exists()
    return "complete" if is_complete and has_output else "unfinished"
