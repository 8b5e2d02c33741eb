"""``budwood runs resume``, ``retry``, ``rm`` and ``diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.terminal import short_path

if TYPE_CHECKING:
    from budwood_generation import RunDifferences, RunInfo

MAX_INDEXES_SHOWN: Final = 10


def resume(path: options.Run, *, json_output: options.AsJSON = False, quiet: options.Quiet = False) -> None:
    """Continue a run, and retry failed rows."""
    _resume(path, None, json_output=json_output, quiet=quiet)


def retry(
    path: options.Run,
    *,
    only: Annotated[
        str, typer.Option("--only", metavar="ERROR", help="Name of an error, such as RateLimitError; see `runs show`.")
    ],
    json_output: options.AsJSON = False,
    quiet: options.Quiet = False,
) -> None:
    """Retry only those rows that failed with one kind of error."""
    _resume(path, only, json_output=json_output, quiet=quiet)


def _resume(path: str, only: str | None, *, json_output: bool, quiet: bool) -> None:
    import budwood_generation
    from budwood_cli import datasets, progress

    run_folder = budwood_generation.show_run(path).run_folder
    with datasets.interruptible(run_folder), progress.show_progress(quiet=quiet) as on_progress:
        report = budwood_generation.resume(path, only=only, on_progress=on_progress)
    datasets.write_report(report, json_output=json_output, quiet=quiet)


def remove(
    path: options.Run,
    *,
    yes: options.Yes = False,
    json_output: options.AsJSON = False,
) -> None:
    """Remove the journal of a run. Its output stays."""
    import budwood_generation

    run = budwood_generation.show_run(path)
    _confirm(run, yes=yes)
    folder = budwood_generation.remove_run(path)
    if json_output:
        terminal.write_json({"removed": folder})
    else:
        terminal.note(f"removed {short_path(folder)}")
        _note_output(run)


def _note_output(run: RunInfo) -> None:
    """Say that the output stays, because a new run refuses it."""
    if not isinstance(run.output, Path):
        terminal.note(f"the rows at {run.output} stay; before a new run with this output, delete them")
    elif run.output.exists():
        terminal.note(f"{short_path(run.output)} stays; before a new run with this output, move or delete it")


def _confirm(run: RunInfo, *, yes: bool) -> None:
    """
    Ask whether to remove a run.

    Raises:
        ArgumentError: The answer is not yes, or there is no terminal to ask at.
    """
    from budwood_cli.questions import confirm

    calls, rows = terminal.format_count(run.calls, "call"), terminal.format_count(run.rows_done, "row")
    numbers = "" if run.problem else f", {rows}, {calls}"  # they are not known
    details = f"{short_path(run.run_folder)}: {run.state}{numbers}.\nThe journal is lost. The output stays."
    if not confirm("Remove the run?", yes=yes, details=details):
        raise ArgumentError("The run was not removed.")


def diff(
    first: options.Run,
    second: Annotated[str, typer.Argument(metavar="RUN", help="The same for another run.")],
    *,
    json_output: options.AsJSON = False,
) -> None:
    """Show how two runs differ: keys of their specifications, documents, and rows."""
    import budwood_generation

    found = budwood_generation.diff_runs(first, second)
    if json_output:
        terminal.write_json(_differences_json(found))
    else:
        _write_differences(found)


def _differences_json(found: RunDifferences) -> dict[str, Any]:
    from budwood_cli.datasets import pick_fields

    names = ("documents", "rows_equal", "rows_changed", "rows_only_first", "rows_only_second")
    keys = [{"key": entry.key, "first": entry.first, "second": entry.second} for entry in found.keys]
    return {"keys": keys} | pick_fields(found, names)


def _write_differences(found: RunDifferences) -> None:
    for entry in found.keys:
        terminal.write(f"{entry.key}\n- {_value(entry.first)}\n+ {_value(entry.second)}\n")
    for name in found.documents:
        terminal.write(f"document {name} differs\n")
    terminal.write(f"rows equal       {found.rows_equal:,}\n")
    for label, indexes in (
        ("rows changed", found.rows_changed),
        ("only in first", found.rows_only_first),
        ("only in second", found.rows_only_second),
    ):
        terminal.write(f"{label:<15}  {len(indexes):,}{_indexes(indexes)}\n")


def _value(value: object) -> str:
    import json

    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


def _indexes(indexes: tuple[int, ...]) -> str:
    if not indexes:
        return ""
    more = ", …" if len(indexes) > MAX_INDEXES_SHOWN else ""
    return f": {', '.join(map(str, indexes[:MAX_INDEXES_SHOWN]))}{more}"
