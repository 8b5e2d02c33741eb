"""Shared by the commands for datasets: printing plans and reports."""

from __future__ import annotations

import shlex
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood_cli import terminal
from budwood_cli.errors import PartialError
from budwood_cli.progress import usage_parts

if TYPE_CHECKING:
    from budwood_generation import Failure, Plan, RunReport, UnreadableDocument
    from budwood_generation.estimates import Range

MAX_REASONS_SHOWN: Final = 5
_SHOWN_DOCUMENTS: Final = 5

PLAN_FIELDS: Final = (
    *(
        "output",
        "run_folder",
        "documents",
        "passages",
        "without_passages",
        "unreadable",
        "skipped_files",
        "turns",
        "calls",
        "input_tokens",
        "output_tokens",
        "cost",
        "cost_unknown",
        "models",
    ),
)
REPORT_FIELDS: Final = (
    *("output", "run_folder", "complete", "rows", "rows_requested", "rows_reused"),
    *("calls", "rejected", "input_tokens", "output_tokens", "cost", "total_calls", "total_cost", "seconds"),
    *("unreadable", "skipped_files", "notes"),
)


@contextmanager
def interruptible(run_folder: Path) -> Iterator[None]:
    """Print how to resume the run if SIGINT or SIGTERM stops it."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends now; ignore another Ctrl-C
        if run_folder.is_dir():
            terminal.note("stopped: all finished work is saved.")
            terminal.note(f"hint: {_resume_command(run_folder)} continues the run.")
        raise


def write_plan(plan: Plan, *, json_output: bool) -> None:
    """Print what a run would do."""
    finished, problem = _find_finished(plan)
    if json_output:
        found = {"rows": len(plan.cells), "rows_finished": finished, "problem": problem}
        terminal.write_json(found | pick_fields(plan, PLAN_FIELDS) | _estimate_json(plan))
        return
    terminal.write_fields(
        {
            "rows": f"{len(plan.cells):,}, {terminal.format_count(plan.turns, 'turn')}",
            "documents": f"{plan.documents:,}, {terminal.format_count(plan.passages, 'passage')}",
            "models": f"{', '.join(plan.models)}{', in batches' if plan.lane == 'batch' else ''}",
            "calls": _count_text(plan.estimate.calls),
            "tokens sent": _count_text(plan.estimate.input_tokens),
            "tokens back": _count_text(plan.estimate.output_tokens),
            "cost": _cost_text(plan),
            "output": terminal.short_path(plan.output),
            "run folder": terminal.short_path(plan.run_folder),
        }
    )
    if plan.without_passages:
        terminal.note(f"note: no passages in {', '.join(plan.without_passages)}")
    write_unreadable(plan.unreadable)
    write_skipped_files(plan.skipped_files)
    write_notes(plan.warnings)
    if finished:
        write_notes([f"finished rows, which are not created again: {finished:,}"])
    if problem:
        write_notes([problem])


def _find_finished(plan: Plan) -> tuple[int | None, str | None]:
    """Return the number of rows that are finished, or why the plan would be refused."""
    from budwood.errors import BudwoodError
    from budwood_generation import count_finished_rows

    try:
        return count_finished_rows(plan), None
    except BudwoodError as error:
        return None, f"{error.message} {error.hint or ''}".rstrip()


def write_notes(notes: Sequence[str]) -> None:
    """Print notes, each on a line."""
    for text in notes:
        terminal.note(f"note: {text}")


def write_unreadable(documents: Sequence[UnreadableDocument]) -> None:
    """Print which documents were skipped because they cannot be read, with the reason and what to do."""
    for document in documents[:_SHOWN_DOCUMENTS]:
        terminal.note(f"note: {document.reason} {document.hint}".rstrip())
    if len(documents) > _SHOWN_DOCUMENTS:
        terminal.note(f"note: {len(documents) - _SHOWN_DOCUMENTS:,} more documents cannot be read.")


def write_skipped_files(counts: Mapping[str, int]) -> None:
    """Print how many files matched the document patterns but are of a kind that cannot be read."""
    if counts:
        listed = ", ".join(f"{count:,} {suffix}" for suffix, count in counts.items())
        total = terminal.format_count(sum(counts.values()), "file")
        terminal.note(f"note: skipped {total} of an unsupported type: {listed}")


def _cost_text(plan: Plan) -> str:
    dollars = plan.estimate.dollars
    if dollars is None:
        return f"unknown: {plan.cost_unknown}"
    return f"about ${dollars.expected:.4f} (${dollars.low:.4f} to ${dollars.high:.4f})"


def _count_text(amount: Range) -> str:
    if amount.low == amount.high:
        return f"{round(amount.expected):,}"
    return f"about {round(amount.expected):,} ({round(amount.low):,} to {round(amount.high):,})"


def _estimate_json(plan: Plan) -> dict[str, Any]:
    ranges = pick_fields(plan.estimate, ("turns", "calls", "input_tokens", "output_tokens", "dollars"))
    return {
        "ranges": {name: amount and amount._asdict() for name, amount in ranges.items()},
        "sample": plan.estimate.sample,
        "rows_per_passage": plan.shares.rows_per_passage,
        "rows_per_prompt": plan.shares.rows_per_prompt,
        "warnings": plan.warnings,
    }


def write_report(report: RunReport, *, json_output: bool, quiet: bool) -> None:
    """
    Print the result of a run: the path of its file to standard output, the rest to standard error.

    Raises:
        PartialError: Rows are missing.
    """
    if json_output:
        terminal.write_json(pick_fields(report, REPORT_FIELDS) | {"failures": failures_json(report.failures)})
    else:
        terminal.write(f"{terminal.output_path(report.output)}\n")
    if not quiet:
        terminal.note(_summary(report))
        write_unreadable(report.unreadable)
        write_skipped_files(report.skipped_files)
        write_notes(report.notes)
    if report.complete:
        return
    write_failures(report.failures)
    rows, missing = terminal.format_count(report.rows_requested, "row"), report.rows_requested - report.rows
    raise PartialError(
        f"{missing:,} of {rows} {'is' if missing == 1 else 'are'} missing.",
        hint=f"{_resume_command(report.run_folder)} tries them again.",
    )


def write_failures(failures: Sequence[Failure]) -> None:
    """Print why rows are missing, the most frequent reasons first."""
    for reason, count in Counter(failure.reason for failure in failures).most_common(MAX_REASONS_SHOWN):
        terminal.note(f"failed: {reason}" if count == 1 else f"failed: {reason} ({count} times)")


def failures_json(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return the failures as JSON."""
    return [{"index": failure.index, "reason": failure.reason, "error": failure.error} for failure in failures]


def pick_fields(record: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Return some attributes of an object as a dictionary."""
    fields = {name: getattr(record, name) for name in names}
    if "unreadable" in fields:
        fields["unreadable"] = [asdict(document) for document in fields["unreadable"]]
    return fields


def _summary(report: RunReport) -> str:
    reused = f" ({report.rows_reused} from an earlier run)" if report.rows_reused else ""
    return (
        f"{report.rows:,} of {terminal.format_count(report.rows_requested, 'row')}{reused}, "
        f"{', '.join(usage_parts(report))}, {report.seconds:.1f} s"
    )


def _resume_command(run_folder: Path) -> str:
    return f"`budwood runs resume {shlex.quote(terminal.output_path(run_folder))}`"
