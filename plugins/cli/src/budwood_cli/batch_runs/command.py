"""The command `budwood batch run` with ordinary calls."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from budwood import Settings
from budwood.errors import BudgetExceededError, BudwoodError, ConfigurationError
from budwood_cli import terminal
from budwood_cli.batch_files import check_failed
from budwood_cli.batch_runs.calls import BUDGET, BatchCalls
from budwood_cli.batch_runs.progress import Meter, summarize
from budwood_cli.batch_runs.requests import InputFormat, RequestFile, open_requests
from budwood_cli.batch_runs.rows import ResultRows, open_rows, write_in_order
from budwood_cli.clients import MODEL_HINT, open_client
from budwood_cli.errors import ArgumentError
from budwood_cli.media_outputs import find_text_output
from budwood_cli.progress_display import show_steps

_WITHOUT_EFFECT: Final = frozenset(
    "timeout connect_timeout idle_timeout attempt_timeout retries max_retry_after budget unknown_price cache cache_ttl "
    "cache_stale cache_pace cache_lease label".split()
)
"""Options that do not change what the model is asked."""

_CONTINUE: Final = "Run the same command again to send the rest."


@dataclass(frozen=True, kw_only=True)
class BatchCommand:
    """
    The arguments of `budwood batch run`.

    Attributes:
        options: The options of all calls.
    """

    file: str
    input_format: InputFormat
    model: str | None
    base_url: str | None
    options: dict[str, Any]
    output: str | None
    concurrency: int
    limit: int | None
    retry_failed: bool
    force: bool
    budget: float | None
    quiet: bool
    json_output: bool

    @property
    def is_quiet(self) -> bool:
        """Whether no progress is shown."""
        return self.quiet or self.json_output

    def check_for_batch(self) -> None:
        """
        Check that a batch of the vendor supports all arguments.

        Raises:
            ArgumentError: It does not.
        """
        given = {
            "--retry-failed": self.retry_failed,
            "--limit": self.limit is not None,
            "--budget": self.budget is not None,
            "--base-url": self.base_url is not None,
            "--input-format": self.input_format != "auto",
        }
        if names := [name for name, is_given in given.items() if is_given]:
            raise ArgumentError(
                f"{', '.join(names)}: not with a batch of the vendor.", hint="Pass --lane live for ordinary calls."
            )


def run_live(command: BatchCommand) -> None:
    """
    Send the requests that have no result, and write all results in order.

    Raises:
        PartialError: Some requests have failed.
        KeyboardInterrupt: Ctrl-C was pressed. The results are kept.
    """
    path = find_text_output(command.output, force=True)
    _check_differs(command.file, path)
    with open_requests(command.file, command.input_format) as requests:
        settings = Settings.load()
        model = command.model or settings.model or requests.first_model
        if model is None:
            raise ConfigurationError("No model given.", hint=MODEL_HINT)
        requests.provider = model.partition("/")[0]
        with open_client(model, settings, base_url=command.base_url) as client:
            client.ask_many([], **command.options)  # checks the options before results are deleted
        with open_rows(requests, _identify(command, model), path, force=command.force) as rows:
            is_stopped = _send(command, settings, model, requests, rows)
    _report(command, rows, path)
    if is_stopped:
        _note_rest(rows, command, path)
        raise KeyboardInterrupt
    check_failed(rows.failed, rows.done, "The results say why. The same command with --retry-failed sends them again.")


def _send(command: BatchCommand, settings: Settings, model: str, requests: RequestFile, rows: ResultRows) -> bool:
    """Send the requests that have no result; return whether Ctrl-C was pressed before all had one."""
    advance = write_in_order(rows, terminal.write if _is_printed(command) else None)
    with open_client(model, settings, base_url=command.base_url, budgets=_budget(command, rows)) as client:
        calls = BatchCalls(
            client,
            requests,
            rows,
            command.options,
            concurrency=command.concurrency,
            limit=command.limit,
            retry_failed=command.retry_failed,
        )
        with _naming_the_rest(command, rows, calls), _showing(command, rows, calls) as show:

            def finish(_: int) -> None:
                advance(0)
                show()

            show()
            try:
                calls.send(finish)
            except KeyboardInterrupt:  # the second Ctrl-C: the requests in flight have no result
                if not calls.is_stopping:
                    raise
        advance(len(rows))
    return calls.is_stopping and calls.remaining > 0


@contextmanager
def _showing(command: BatchCommand, rows: ResultRows, calls: BatchCalls) -> Iterator[Any]:
    """Yield the function that shows the progress. Results that are printed at a terminal are shown instead of it."""
    is_shown = not command.is_quiet and not (_is_printed(command) and terminal.is_terminal(sys.stdout))
    meter = Meter(rows, calls.total, lambda: calls.remaining)
    with show_steps(quiet=not is_shown or not calls.remaining) as show:
        yield lambda: show(meter.step(is_stopping=calls.is_stopping))


@contextmanager
def _naming_the_rest(command: BatchCommand, rows: ResultRows, calls: BatchCalls) -> Iterator[None]:
    """Add to errors that end the command how many results are kept."""
    try:
        yield
    except BudwoodError as error:
        if isinstance(error, BudgetExceededError):
            error.hint = "Pass a higher --budget, with which the same command continues."
        done = calls.total - calls.remaining
        kept = f", which are in {command.output}. {_CONTINUE}" if not _is_printed(command) and rows.done else "."
        error.add_note(f"{done:,} of {terminal.format_count(calls.total, 'request')} have results{kept}")
        raise


def _report(command: BatchCommand, rows: ResultRows, path: Path | None) -> None:
    if path is None:
        pass
    elif command.json_output:
        counts = {"requests": rows.done, "succeeded": rows.done - rows.failed, "failed": rows.failed}
        terminal.write_json({"output": path, **counts, "cost": rows.spent if rows.has_cost else None})
    elif path.exists():
        terminal.write(f"{terminal.output_path(path)}\n")
    if not command.is_quiet:
        terminal.note(summarize(rows))


def _note_rest(rows: ResultRows, command: BatchCommand, path: Path | None) -> None:
    total = terminal.format_count(len(rows), "request")
    if path is None:
        terminal.note(f"stopped: {rows.done:,} of {total} have results.")
        terminal.note("Pass -o FILE to keep results, so that the same command continues.", label="hint:")
    else:
        terminal.note(f"stopped: {command.output} has the results of {rows.done:,} of {total}.")
        terminal.note(_CONTINUE, label="hint:")


def _budget(command: BatchCommand, rows: ResultRows) -> dict[str, dict[str, Any]] | None:
    """Return the budget of the requests that have no result."""
    if command.budget is None:
        return None
    left = command.budget - float(rows.spent)
    return {BUDGET: {"dollars": max(left, 1e-9), "per": "client"}}


def _identify(command: BatchCommand, model: str) -> str:
    """Return what identifies the options that all requests have."""
    options = {name: value for name, value in command.options.items() if name not in _WITHOUT_EFFECT}
    content = json.dumps([model, command.base_url, options], sort_keys=True, default=str)
    return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def _is_printed(command: BatchCommand) -> bool:
    return command.output in (None, "-")


def _check_differs(file: str, path: Path | None) -> None:
    if path is not None and path.exists() and Path(file).exists() and path.samefile(file):
        raise ArgumentError(f"The output {path} is the file with the requests.", hint="Pass another output.")
