"""``budwood generate``: make a dataset from its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from budwood_cli import options


def generate(
    spec: Annotated[Path, typer.Argument(metavar="SPEC.toml", help="The description of the dataset.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where the rows go, instead of SPEC's output."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and how many calls it takes; send nothing.")
    ] = False,
    json_wanted: options.AsJSON = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a dataset; the path of its file goes to standard output. A run that was stopped goes on where it was."""
    from budwood_cli import datasets, progress

    datasets.need_generation()
    import budwood_generation

    described = budwood_generation.load_spec(spec)
    if output is not None:
        described = described.model_copy(update={"output": output.absolute()})
    if dry_run:
        datasets.write_plan(budwood_generation.make_plan(described), json_wanted=json_wanted)
        return
    with datasets.interruptible(described.run_folder), progress.shown(quiet=quiet) as on_progress:
        report = budwood_generation.generate(described, on_progress=on_progress)
    datasets.finish(report, json_wanted=json_wanted, quiet=quiet)
