"""The files of ``budwood batch``: requests, jobs and results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood import BatchRequest, BudwoodError
from budwood.providing import write_file_atomically
from budwood.types import ChatResponse
from budwood_cli import terminal
from budwood_cli.batch_runs.requests import open_requests
from budwood_cli.errors import ArgumentError, PartialError, describe
from budwood_cli.hints import to_command_line
from budwood_cli.media_outputs import STDOUT, write_text_output
from budwood_cli.replies import as_json, attempt_as_json

if TYPE_CHECKING:
    from budwood.types import JobRef

JOB_SUFFIX: Final = ".job.json"
"""The end of the name of the file that contains the job of a file with requests."""

_AGAIN: Final = "The results say why. Put these requests into a file of their own to send them again."


def read_requests(path: Path) -> list[tuple[str | None, BatchRequest]]:
    """
    Read requests, one a line, with the id of each if it has one.

    Raises:
        ArgumentError: The file is not there, has no requests, or a line is not a request.
    """
    if str(path) == STDOUT:
        raise ArgumentError(
            "A batch of the vendor cannot come from standard input: its job is stored next to the file.",
            hint="Write the requests to a file first, or leave out --lane.",
        )
    with open_requests(str(path)) as requests:
        return [(request.line_id, request) for request in requests.read()]


def complete_models(
    rows: list[tuple[str | None, BatchRequest]], default: str | None
) -> tuple[str | None, list[BatchRequest]]:
    """
    Return the default model, and the requests with the models that their lines name.

    Lines in OpenAI's form name a model without its provider, which is then that of the default model. Without one, the
    first line that names both decides.
    """
    requests = [request for _, request in rows]
    named = (request.options.get("model") for request in requests)
    default = default or next((model for model in named if model is not None and "/" in model), None)
    for request in requests:
        model = request.options.get("model")
        if model is not None and default is not None and "/" not in model:
            request.options["model"] = f"{default.partition('/')[0]}/{model}"
    return default, requests


def find_job_file(path: Path) -> Path:
    """Return the file of a job, from its own path or that of its requests."""
    return path if path.name.endswith(JOB_SUFFIX) else path.parent / f"{path.name}{JOB_SUFFIX}"


def write_job(path: Path, job: JobRef) -> None:
    """Write a job, so that the file is either complete or as before."""
    write_file_atomically(path, job.model_dump_json() + "\n")


def start_creation(path: Path) -> None:
    """Write the file that exists while the vendor creates a batch, whose job is stored in ``path`` afterwards."""
    write_file_atomically(find_creation_file(path), "The vendor is creating a batch of these requests.\n")


def end_creation(path: Path) -> None:
    """Delete the file of `start_creation`."""
    find_creation_file(path).unlink(missing_ok=True)


def check_not_submitted(path: Path) -> None:
    """
    Check that no earlier command ended while the vendor created a batch, whose job is stored in ``path`` otherwise.

    Raises:
        ArgumentError: One did, so that the vendor may have the batch.
    """
    file = find_creation_file(path)
    if file.exists():
        raise ArgumentError(
            f"An earlier command ended while the vendor created this batch, which it may have; see {file}.",
            hint="Look for a batch of the time of that file at the vendor, and cancel it. Then delete the file.",
        )


def find_creation_file(path: Path) -> Path:
    """Return the file that exists while the vendor creates a batch, whose job is stored in ``path`` afterwards."""
    return path.with_name(f"{path.name}.creating")


def read_job(path: Path) -> str:
    """
    Read a job.

    Raises:
        ArgumentError: There is none.
    """
    file = find_job_file(path)
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        hint = "Pass the file with the requests, or FILE.job.json."
        if file != path and path.is_file():
            hint = f"Submit the requests: `budwood batch submit {path}`."
        raise ArgumentError(f"{file}: {error.strerror}.", hint=hint) from error


def list_rows(results: Iterable[ChatResponse | BudwoodError], ids: Iterable[str | None]) -> Iterator[dict[str, Any]]:
    """Yield each result as JSON, with its index and the id of its request."""
    for index, (result, line_id) in enumerate(zip(results, ids, strict=True)):
        row: dict[str, Any] = {"index": index} if line_id is None else {"index": index, "custom_id": line_id}
        yield row | result_as_json(result)


def result_as_json(result: ChatResponse | BudwoodError) -> dict[str, Any]:
    """Return a reply, or an error with its reason and the requests that were sent, as JSON."""
    if isinstance(result, ChatResponse):
        return as_json(result)
    details = {name: getattr(result, name, None) for name in ("reason", "retryable")}
    details["hint"] = None if result.hint is None else to_command_line(result.hint)
    error = describe(result) | {name: value for name, value in details.items() if value is not None}
    attempts = getattr(result, "attempts", ())
    row: dict[str, Any] = {"error": error}
    if attempts:
        row["attempts"] = [attempt_as_json(attempt) for attempt in attempts]
    costs = [attempt.cost for attempt in attempts if attempt.cost is not None]
    return row | ({"cost": sum(costs)} if costs else {})


def write_results(
    results: Iterable[ChatResponse | BudwoodError], ids: Iterable[str | None], output: Path | None
) -> int:
    """Write results, one a line, to a file or to standard output; return how many are errors."""
    rows = list(list_rows(results, ids))
    write_text_output(output, "".join(f"{terminal.to_json(row)}\n" for row in rows))
    return sum("error" in row for row in rows)


def check_failed(failed: int, total: int, hint: str = _AGAIN) -> None:
    """
    Check that all requests succeeded.

    Raises:
        PartialError: Some failed.
    """
    if failed:
        raise PartialError(
            f"{failed} of {terminal.format_count(total, 'request')} failed.",
            hint=hint,
        )


def list_ids(path: Path, count: int) -> list[str | None]:
    """Return the ids of the requests of a job, if the file with that many requests is still there."""
    source = path.with_name(path.name.removesuffix(JOB_SUFFIX))
    if source.is_file() and source != find_job_file(path):
        with contextlib.suppress(ArgumentError):  # the file has changed
            ids = [line_id for line_id, _ in read_requests(source)]
            if len(ids) == count:
                return ids
    return [None] * count
