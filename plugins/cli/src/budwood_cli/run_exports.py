"""``budwood runs export``: write the rows of a run in another format."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.export_progress import show_export
from budwood_cli.terminal import output_path

if TYPE_CHECKING:
    from budwood_generation import ExportReport

FORMATS: Final = (
    *("openai", "messages", "sharegpt", "alpaca", "chatml", "llama-factory"),
    *("csv", "parquet", "jsonl", "huggingface"),
)
"""The names of all formats, for the help, which does not import the package for datasets."""


def export(
    path: options.Run,
    *,
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"One of {', '.join(FORMATS)}.")],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="The file or folder, or - for standard output. Default: next to the run.",
        ),
    ] = None,
    context: Annotated[bool, typer.Option("--context", help="Put the passage into the messages.")] = False,
    split: Annotated[
        float | None, typer.Option("--split", metavar="FRACTION", help="Fraction of rows for validation, such as 0.1.")
    ] = None,
    reasoning: Annotated[
        str | None, typer.Option("--reasoning", metavar="drop|field|tags", help="Where the reasoning of models goes.")
    ] = None,
    license_name: Annotated[
        str | None, typer.Option("--license", metavar="ID", help="Licence on the card of a Hugging Face folder.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    json_output: options.AsJSON = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the finished rows in another format, also during the run, and print the paths of the files."""
    import budwood_generation

    with (
        _open_output(output, json_output=json_output) as target,
        show_export(quiet=quiet) as on_progress,
        _exit_on_sigterm(),
    ):
        report = budwood_generation.export_run(
            path,
            to,
            target,
            context=context,
            split=split,
            reasoning=reasoning,  # type: ignore[arg-type] # it is checked there
            license=license_name,
            force=force,
            on_progress=on_progress,
        )
    if json_output:
        terminal.write_json(_as_json(report))
    else:
        terminal.write("".join(f"{output_path(file)}\n" for file in report.files))
    if not quiet:
        _write_summary(report)


@contextmanager
def _exit_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `SystemExit` in the block, so that no part of a file is left."""
    previous = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _open_output(output: str | None, *, json_output: bool) -> Iterator[str | BinaryIO | None]:
    """
    Yield the output of an export, or standard output for ``-``.

    Raises:
        ArgumentError: Standard output is a terminal, or the report goes there.
        OutputClosedError: The reader has closed it.
    """
    if output != "-":
        yield output
        return
    if json_output:
        raise ArgumentError("--json prints the report to standard output, and -o - the rows.", hint="Use one of them.")
    if terminal.is_terminal(sys.stdout):  # the text of a model could control it
        raise ArgumentError(
            "The output is standard output, which is a terminal.", hint="Redirect it to a file or a pipe."
        )
    terminal.check_output()
    try:
        yield sys.stdout.buffer
    except BrokenPipeError:
        raise terminal.OutputClosedError from None


def _as_json(report: ExportReport) -> dict[str, Any]:
    from budwood_cli.datasets import pick_fields

    return pick_fields(report, ("format", "files", "rows", "rows_planned", "skipped", "notes"))


def _write_summary(report: ExportReport) -> None:
    total = sum(report.rows.values())
    splits = ", ".join(f"{count:,} {split}" for split, count in report.rows.items()) if len(report.rows) > 1 else ""
    planned = terminal.format_count(report.rows_planned, "row")
    terminal.note(f"{total:,} of {planned}{f' ({splits})' if splits else ''}")
    for reason, count in report.skipped.items():
        terminal.note(f"note: skipped {terminal.format_count(count, 'row')}: {reason}")
    for text in report.notes:
        terminal.note(f"note: {text}")
