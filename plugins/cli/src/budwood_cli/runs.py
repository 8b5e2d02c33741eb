"""``budwood runs``: list and show runs of ``budwood generate``; the other commands of the group are in ``run_*``."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, run_changes, run_exports, terminal
from budwood_cli.groups import new_group
from budwood_cli.progress import usage_parts
from budwood_cli.terminal import short_path

if TYPE_CHECKING:
    from budwood.types import Row
    from budwood_generation import RunInfo

FIELDS: Final = (
    *("run_folder", "output", "state", "rows_done", "rows", "turns_done", "turns"),
    *("calls", "rejected", "input_tokens", "output_tokens", "cost", "models", "problem", "notes"),
)

app = new_group("List, show, export and change runs of `budwood generate`.")
app.command("export")(run_exports.export)
app.command("resume")(run_changes.resume)
app.command("retry")(run_changes.retry)
app.command("diff")(run_changes.diff)
app.command("rm")(run_changes.remove)


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The folder to search.")] = Path(),
    *,
    layout: options.Format = None,
    json_output: options.AsJSON = False,
) -> None:
    """List the runs in a folder."""
    import budwood_generation

    runs = budwood_generation.list_runs(folder)
    if json_output or layout is terminal.Layout.JSON:
        terminal.write_json([_as_json(run) for run in runs])
        return
    if not runs:
        where = "the current folder" if folder == Path() else str(folder)
        terminal.note(f"No run of `budwood generate` is in {where}.")
        return
    terminal.write_table(
        ("state", "rows", "failed", "run"), map(_as_row, runs), numbers=("rows", "failed"), layout=layout
    )


def _as_row(run: RunInfo) -> tuple[object, ...]:
    """Return a row of the table of runs; the numbers of a run that cannot be read are not known."""
    numbers = ("-", "-") if run.problem else (f"{run.rows_done:,}/{run.rows:,}", f"{len(run.failures):,}")
    return run.state, *numbers, short_path(run.run_folder)


@app.command("show")
def show(
    path: options.Run,
    *,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=0, help="Also show the first N finished rows.")] = 0,
    json_output: options.AsJSON = False,
) -> None:
    """Show a run, and some of its rows, also during the run."""
    import budwood_generation
    from budwood_cli import datasets

    run = budwood_generation.show_run(path)
    found = list(islice(budwood_generation.read_rows(path), rows)) if rows else []
    if json_output:
        terminal.write_json(_as_json(run) | ({"row_data": [row.data for row in found]} if rows else {}))
        return
    _write_run(run)
    datasets.write_failures(run.failures)
    datasets.write_notes(run.notes)
    for row in found:
        _write_row(row)


def _write_run(run: RunInfo) -> None:
    terminal.write(f"state         {run.state}\n")
    if run.problem is None:
        terminal.write(
            f"rows          {run.rows_done:,} of {run.rows:,}\n"
            f"turns         {run.turns_done:,} of {run.turns:,}\n"
            f"usage         {', '.join(usage_parts(run))}\n"
            f"failed        {len(run.failures):,}\n"
            f"models        {', '.join(run.models)}\n"
        )
    terminal.write(f"output        {short_path(run.output)}\nrun folder    {short_path(run.run_folder)}\n")
    if run.problem is not None:
        terminal.write(f"problem       {run.problem}\n")


def _write_row(row: Row) -> None:
    """Print a row: its messages, or its value as JSON."""
    import json

    source: Any = row.data.get("source") or {}
    where = " > ".join([source["document"], *source["headings"]]) if source else ""
    terminal.write(f"\nrow {row.index}{f', {where}' if where else ''}\n")
    messages: Any = row.data.get("messages")
    if messages is None:
        terminal.write(f"{json.dumps(row.data.get('value'), ensure_ascii=False, indent=2)}\n")
        return
    for message in messages:
        terminal.write(f"{message['role']}: {message['content']}\n")


def _as_json(run: RunInfo) -> dict[str, Any]:
    from budwood_cli.datasets import failures_json, pick_fields

    return pick_fields(run, FIELDS) | {"failures": failures_json(run.failures)}
