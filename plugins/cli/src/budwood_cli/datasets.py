"""What the commands for datasets share: the package that makes them, its plans, and the end of a run."""

from __future__ import annotations

import shlex
import signal
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood_cli import terminal
from budwood_cli.failures import PartialError
from budwood_cli.progress import spent

if TYPE_CHECKING:
    from budwood_generation import Failure, Plan, RunReport

REASONS_SHOWN: Final = 5

PLAN_FIELDS: Final = (
    *(
        "output",
        "run_folder",
        "documents",
        "passages",
        "without_passages",
        "passed_over",
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
    *("output", "run_folder", "complete", "rows", "rows_wanted", "rows_reused"),
    *("calls", "input_tokens", "output_tokens", "cost", "seconds", "passed_over"),
)


def need_generation() -> None:
    """
    See that the package for datasets is installed.

    Raises:
        ConfigurationError: It is not; the hint is the cure.
    """
    from importlib.util import find_spec

    from budwood.errors import ConfigurationError
    from budwood.plugins.first_party import install_hint

    if find_spec("budwood_generation") is None:
        raise ConfigurationError(
            "Datasets are made by budwood-generation, which is not installed.", hint=install_hint("budwood-generation")
        )


@contextmanager
def interruptible(run_folder: Path) -> Iterator[None]:
    """Say how a run goes on when it is stopped."""
    try:
        yield
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process ends now; another Ctrl-C would only disturb
        if run_folder.is_dir():
            terminal.note("stopped: what was finished is kept.")
            terminal.note(f"hint: {_resume(run_folder)} goes on.")
        raise


def write_plan(plan: Plan, *, json_wanted: bool) -> None:
    """Write what a run would do."""
    if json_wanted:
        terminal.write_json({"rows": len(plan.cells)} | fields(plan, PLAN_FIELDS))
        return
    terminal.write(
        f"rows          {len(plan.cells):,}, {terminal.counted(plan.turns, 'turn')}\n"
        f"documents     {plan.documents:,}, {terminal.counted(plan.passages, 'passage')}\n"
        f"models        {', '.join(plan.models)}\n"
        f"calls         {plan.calls:,}\n"
        f"tokens        about {plan.input_tokens:,} of input, {plan.output_tokens:,} of output\n"
        f"cost          {_about(plan)}\n"
        f"output        {plan.output}\n"
        f"run folder    {plan.run_folder}\n"
    )
    if plan.without_passages:
        terminal.note(f"note: no passages in {', '.join(plan.without_passages)}")
    write_passed_over(plan.passed_over)


def write_passed_over(kinds: Mapping[str, int]) -> None:
    """Say which files the patterns of the documents match that cannot be read."""
    if kinds:
        named = ", ".join(f"{count:,} {ending}" for ending, count in kinds.items())
        terminal.note(f"note: {terminal.counted(sum(kinds.values()), 'file')} of other kinds left out: {named}")


def _about(plan: Plan) -> str:
    return f"unknown: {plan.cost_unknown}" if plan.cost is None else f"about ${plan.cost:.4f}"


def finish(report: RunReport, *, json_wanted: bool, quiet: bool) -> None:
    """
    Write how a run ended: the file to standard output, the rest to standard error.

    Raises:
        PartialError: Rows are missing.
    """
    if json_wanted:
        terminal.write_json(fields(report, REPORT_FIELDS) | {"failures": reasons(report.failures)})
    else:
        terminal.write(f"{report.output}\n")
    if not quiet:
        terminal.note(_summary(report))
        write_passed_over(report.passed_over)
    if report.complete:
        return
    write_reasons(report.failures)
    raise PartialError(
        f"{report.rows_wanted - report.rows:,} of {terminal.counted(report.rows_wanted, 'row')} are missing.",
        hint=f"{_resume(report.run_folder)} tries again.",
    )


def write_reasons(failures: Sequence[Failure]) -> None:
    """Write why rows are missing, the most frequent reasons first."""
    for reason, count in Counter(failure.reason for failure in failures).most_common(REASONS_SHOWN):
        terminal.note(f"failed: {reason}" if count == 1 else f"failed: {reason} ({count} times)")


def reasons(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """List why rows are missing, for JSON."""
    return [{"index": failure.index, "reason": failure.reason} for failure in failures]


def fields(record: object, names: tuple[str, ...]) -> dict[str, Any]:
    """Take these fields of a record, for JSON."""
    return {name: getattr(record, name) for name in names}


def _summary(report: RunReport) -> str:
    reused = f" ({report.rows_reused} from before)" if report.rows_reused else ""
    return (
        f"{report.rows:,} of {terminal.counted(report.rows_wanted, 'row')}{reused}, "
        f"{', '.join(spent(report))}, {report.seconds:.1f} s"
    )


def _resume(run_folder: Path) -> str:
    return f"`budwood runs resume {shlex.quote(str(run_folder))}`"
