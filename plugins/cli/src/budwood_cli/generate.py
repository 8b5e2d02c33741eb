"""``budwood generate``: create a dataset from a specification."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from budwood_cli import options
from budwood_cli.errors import ArgumentError
from budwood_cli.new_specs import write_new_spec

if TYPE_CHECKING:
    from budwood_generation import GenerationSpec


def generate(
    spec: Annotated[
        Path | None, typer.Argument(metavar="SPEC.toml", help="The specification of the dataset.", show_default=False)
    ] = None,
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The output of the dataset, a file or a URL, instead of the one in SPEC.",
        ),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a key, such as conversation.turns=3. Can be repeated."),
    ] = None,
    pilot: Annotated[
        int | None, typer.Option("--pilot", metavar="N", min=1, help="Create the first N rows, in NAME.pilot.jsonl.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and the number of calls. Nothing is sent.")
    ] = False,
    init: Annotated[
        bool, typer.Option("--init", help="Write a new specification to SPEC.toml, or print it, and stop.")
    ] = False,
    documents: Annotated[
        list[str] | None,
        typer.Option("--documents", metavar="PATTERN", help="With --init: documents, or a folder."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="PROVIDER/MODEL", help="With --init: the model.")
    ] = None,
    asker: Annotated[
        str | None, typer.Option("--asker", metavar="PROVIDER/MODEL", help="With --init: the model that asks.")
    ] = None,
    rows: Annotated[int | None, typer.Option("--rows", metavar="N", min=1, help="With --init: the rows.")] = None,
    turns: Annotated[int | None, typer.Option("--turns", metavar="N", min=1, help="With --init: the turns.")] = None,
    system: Annotated[
        str | None, typer.Option("--system", "-s", metavar="TEXT", help="With --init: the system message.")
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", metavar="FILE.json", help="With --init: the schema of structured rows.")
    ] = None,
    instruction: Annotated[
        str | None, typer.Option("--instruction", metavar="TEXT", help="With --init: the instruction for them.")
    ] = None,
    json_output: options.AsJSON = False,
    quiet: options.Quiet = False,
) -> None:
    """Create a dataset, and print the path of its file. A run that was interrupted continues."""
    template = {
        "documents": documents,
        "model": model,
        "asker": asker,
        "rows": rows,
        "turns": turns,
        "system": system,
        "schema": schema,
        "instruction": instruction,
    }
    given = {name: value for name, value in template.items() if value not in (None, [])}
    if init:
        run_options = {"set": assignments, "pilot": pilot, "dry-run": dry_run, "json": json_output}
        _refuse(run_options, "not with --init.", "Write SPEC.toml first.")
        write_new_spec(spec, given | ({} if output is None else {"output": output}))
        return
    _refuse(given, "only with --init.", "Change a key of SPEC.toml with --set KEY=VALUE.")
    if spec is None:
        raise ArgumentError("Missing argument 'SPEC.toml'.", hint="`budwood generate --init SPEC.toml` writes one.")
    dataset = _load(spec, output, assignments or [], pilot)
    _run(dataset, dry_run=dry_run, json_output=json_output, quiet=quiet)


def _refuse(options: Mapping[str, object], problem: str, hint: str) -> None:
    """
    Refuse options that would have no effect.

    Raises:
        ArgumentError: One of them is given.
    """
    names = [f"--{name}" for name, value in options.items() if value not in (None, False, [])]
    if names:
        raise ArgumentError(f"{', '.join(names)}: {problem}", hint=hint)


def _load(spec: Path, output: str | None, assignments: list[str], pilot: int | None) -> GenerationSpec:
    """Load the specification with the changes of the command line."""
    import budwood_generation
    from budwood_cli.assignments import parse_assignments

    changes = parse_assignments(assignments)
    if output is not None:
        changes["output"] = output if "://" in output else str(Path(output).absolute())
    dataset = budwood_generation.load_spec(spec, changes)
    return dataset if pilot is None else budwood_generation.with_pilot(dataset, pilot)


def _run(dataset: GenerationSpec, *, dry_run: bool, json_output: bool, quiet: bool) -> None:
    import budwood_generation
    from budwood_cli import datasets, progress

    if dry_run:
        datasets.write_plan(budwood_generation.make_plan(dataset), json_output=json_output)
        return
    with datasets.interruptible(dataset.run_folder), progress.show_progress(quiet=quiet) as on_progress:
        report = budwood_generation.generate(dataset, on_progress=on_progress)
    datasets.write_report(report, json_output=json_output, quiet=quiet)
