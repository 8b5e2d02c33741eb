"""The files of ``budwood batch``: requests, jobs and results."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from budwood import BatchRequest, BudwoodError
from budwood.providing import write_file_atomically
from budwood.types import ChatResponse
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError, PartialError, describe
from budwood_cli.media_outputs import STDOUT, write_text_output
from budwood_cli.prompts import read_text
from budwood_cli.replies import as_json

if TYPE_CHECKING:
    from budwood.types import JobRef

JOB_SUFFIX: Final = ".job.json"
"""The end of the name of the file that contains the job of a file with requests."""

_FORM: Final = 'Each line is a prompt as a JSON text, {"prompt": …}, or a request in OpenAI\'s form with "messages".'
_RENAMED: Final = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens"}
_OPTIONS: Final = frozenset(
    "model system temperature top_p max_tokens stop seed frequency_penalty presence_penalty reasoning_effort schema "
    "label".split()
)


def read_requests(path: Path) -> list[tuple[str | None, BatchRequest]]:
    """
    Read requests, one a line, with the id of each if it has one.

    Raises:
        ArgumentError: The file is not there, has no requests, or a line is not a request.
    """
    if str(path) == STDOUT:
        raise ArgumentError(
            "Requests cannot come from standard input: the job is stored next to their file.",
            hint="Write them to a file first.",
        )
    lines = read_text(str(path), hint=_FORM).splitlines()
    requests = [_parse_line(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not requests:
        raise ArgumentError(f"{path} has no requests.", hint=_FORM)
    return requests


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


def _parse_line(path: Path, number: int, line: str) -> tuple[str | None, BatchRequest]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ArgumentError(f"{path}, line {number} is not JSON: {error}.", hint=_FORM) from error
    if isinstance(row, str):
        return None, BatchRequest(row)
    if not isinstance(row, Mapping):
        raise ArgumentError(f"{path}, line {number} is not a request.", hint=_FORM)
    line_id = row.get("custom_id", row.get("id"))
    body = row.get("body", row.get("params", row))
    prompt = body.get("messages", body.get("prompt")) if isinstance(body, Mapping) else None
    if not isinstance(prompt, str | list):
        raise ArgumentError(f"{path}, line {number} has neither a prompt nor messages.", hint=_FORM)
    return None if line_id is None else str(line_id), BatchRequest(prompt, **_read_options(path, number, body))


def _read_options(path: Path, number: int, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - options of many types
    """Return the options in a line; further parameters are the vendor's own."""
    fields = {_RENAMED.get(name, name): value for name, value in body.items() if value is not None}
    for name in ("messages", "prompt", "custom_id", "id", "stream", "n"):
        fields.pop(name, None)
    if "tools" in fields or "tool_choice" in fields:
        raise ArgumentError(f"{path}, line {number} has tools.", hint="Call client.batch(…, tools=…) in Python.")
    options = {name: value for name, value in fields.items() if name in _OPTIONS}
    if (response_format := fields.pop("response_format", None)) is not None and "schema" not in options:
        options["schema"] = response_format
    extra = {name: value for name, value in fields.items() if name not in _OPTIONS}
    return options | ({"extra": extra} if extra else {})


def find_job_file(path: Path) -> Path:
    """Return the file of a job, from its own path or that of its requests."""
    return path if path.name.endswith(JOB_SUFFIX) else path.parent / f"{path.name}{JOB_SUFFIX}"


def write_job(path: Path, job: JobRef) -> None:
    """Write a job, so that the file is either complete or as before."""
    write_file_atomically(path, job.model_dump_json() + "\n")


def start_creation(path: Path) -> None:
    """Write the file that exists while the vendor creates a batch, whose job is stored in ``path`` afterwards."""
    write_file_atomically(_creation_file(path), "The vendor is creating a batch of these requests.\n")


def end_creation(path: Path) -> None:
    """Delete the file of `start_creation`."""
    _creation_file(path).unlink(missing_ok=True)


def check_not_submitted(path: Path) -> None:
    """
    Check that no earlier command ended while the vendor created a batch, whose job is stored in ``path`` otherwise.

    Raises:
        ArgumentError: One did, so that the vendor may have the batch.
    """
    file = _creation_file(path)
    if file.exists():
        raise ArgumentError(
            f"An earlier command ended while the vendor created this batch, which it may have; see {file}.",
            hint="Look for a batch of the time of that file at the vendor, and cancel it. Then delete the file.",
        )


def _creation_file(path: Path) -> Path:
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
        raise ArgumentError(f"{file}: {error.strerror}.", hint=f"Submit it: budwood batch submit {path}.") from error


def list_rows(results: Iterable[ChatResponse | BudwoodError], ids: Iterable[str | None]) -> Iterator[dict[str, Any]]:
    """Yield each result as JSON, with its index and the id of its request."""
    for index, (result, line_id) in enumerate(zip(results, ids, strict=True)):
        row: dict[str, Any] = {"index": index} if line_id is None else {"index": index, "custom_id": line_id}
        yield row | (as_json(result) if isinstance(result, ChatResponse) else {"error": describe(result)})


def write_results(
    results: Iterable[ChatResponse | BudwoodError], ids: Iterable[str | None], output: Path | None
) -> int:
    """Write results, one a line, to a file or to standard output; return how many are errors."""
    rows = list(list_rows(results, ids))
    write_text_output(output, "".join(f"{json.dumps(row, ensure_ascii=False, default=str)}\n" for row in rows))
    return sum("error" in row for row in rows)


def check_failed(failed: int, total: int) -> None:
    """
    Check that all requests succeeded.

    Raises:
        PartialError: Some failed.
    """
    if failed:
        raise PartialError(
            f"{failed} of {terminal.format_count(total, 'request')} failed.",
            hint="The results say why. Put these requests into a file of their own to send them again.",
        )


def list_ids(path: Path, count: int) -> list[str | None]:
    """Return the ids of the requests of a job, if the file with that many requests is still there."""
    source = path.with_name(path.name.removesuffix(JOB_SUFFIX))
    if source.is_file() and source != find_job_file(path):
        ids = [line_id for line_id, _ in read_requests(source)]
        if len(ids) == count:
            return ids
    return [None] * count
