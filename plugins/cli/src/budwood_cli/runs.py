"""``budwood runs``: list, show and resume runs of ``budwood generate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.groups import new_group
from budwood_cli.terminal import short_path

if TYPE_CHECKING:
    from budwood_generation import RunInfo

FIELDS: Final = (
    *("run_folder", "output", "state", "rows_done", "rows", "turns_done", "turns"),
    *("calls", "models", "problem"),
)

app = new_group("List, show and resume runs of `budwood generate`.")

Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder of the run, or its output: a file or a URL.")]


@app.command("list")
def list_runs(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="The folder to search.")] = Path(),
    *,
    json_output: options.AsJSON = False,
) -> None:
    """List the runs in a folder."""
    from budwood_cli import datasets

    datasets.require_generation()
    import budwood_generation

    runs = budwood_generation.list_runs(folder)
    if json_output:
        terminal.write_json([_as_json(run) for run in runs])
    else:
        rows = [
            (
                run.state,
                f"{run.rows_done}/{run.rows}",
                run.calls,
                len(run.failures),
                short_path(run.run_folder),
            )
            for run in runs
        ]
        terminal.write_table(("state", "rows", "calls", "failed", "run folder"), rows)


@app.command("show")
def show(path: Run, *, json_output: options.AsJSON = False) -> None:
    """Show one run."""
    from budwood_cli import datasets

    datasets.require_generation()
    import budwood_generation

    run = budwood_generation.show_run(path)
    if json_output:
        terminal.write_json(_as_json(run))
        return
    terminal.write(
        f"state         {run.state}\n"
        f"rows          {run.rows_done:,} of {run.rows:,}\n"
        f"turns         {run.turns_done:,} of {run.turns:,}\n"
        f"calls         {run.calls:,}\n"
        f"failed        {len(run.failures)}\n"
        f"models        {', '.join(run.models)}\n"
        f"output        {run.output}\n"
        f"run folder    {run.run_folder}\n"
    )
    datasets.write_failures(run.failures)
    if run.problem:
        terminal.write(f"problem       {run.problem}\n")


@app.command("resume")
def resume(path: Run, *, json_output: options.AsJSON = False, quiet: options.Quiet = False) -> None:
    """Continue a run, and retry failed rows."""
    from budwood_cli import datasets, progress

    datasets.require_generation()
    import budwood_generation

    run_folder = budwood_generation.show_run(path).run_folder
    with datasets.interruptible(run_folder), progress.show_progress(quiet=quiet) as on_progress:
        report = budwood_generation.resume(path, on_progress=on_progress)
    datasets.write_report(report, json_output=json_output, quiet=quiet)


def _as_json(run: RunInfo) -> dict[str, Any]:
    from budwood_cli.datasets import failures_json, pick_fields

    return pick_fields(run, FIELDS) | {"failures": failures_json(run.failures)}
