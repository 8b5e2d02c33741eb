"""``budwood generate``: create a dataset from a specification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from budwood_cli import options


def generate(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="The specification of the dataset.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="The output file, instead of the one in SPEC."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and the number of calls. Nothing is sent.")
    ] = False,
    json_output: options.AsJSON = False,
    quiet: options.Quiet = False,
) -> None:
    """Create a dataset, and print the path of its file. A run that was interrupted continues."""
    from budwood_cli import datasets, progress

    datasets.require_generation()
    import budwood_generation

    dataset = budwood_generation.load_spec(spec)
    if output is not None:
        dataset = dataset.model_copy(update={"output": output.absolute()})
    if dry_run:
        datasets.write_plan(budwood_generation.make_plan(dataset), json_output=json_output)
        return
    with datasets.interruptible(dataset.run_folder), progress.show_progress(quiet=quiet) as on_progress:
        report = budwood_generation.generate(dataset, on_progress=on_progress)
    datasets.write_report(report, json_output=json_output, quiet=quiet)
