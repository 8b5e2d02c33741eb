"""The lines of files with requests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from budwood import BatchRequest
from budwood_cli.errors import ArgumentError

FORMS: Final = (
    'Each line is {"prompt": …}, a prompt as a JSON text, or a request in OpenAI\'s form with "messages". '
    "`budwood batch run` also takes plain texts, one prompt a line."
)
_RENAMED: Final = {"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens"}
_OPTIONS: Final = frozenset(
    "model system temperature top_p max_tokens stop seed frequency_penalty presence_penalty reasoning_effort schema "
    "label".split()
)


def parse_line(name: str, number: int, line: str) -> tuple[str | None, BatchRequest]:
    """
    Return the id of a line, if it has one, and its request.

    Raises:
        ArgumentError: It is not a request.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ArgumentError(f"{name}, line {number} is not JSON: {error}.", hint=FORMS) from error
    if isinstance(row, str):
        return None, BatchRequest(row)
    if not isinstance(row, Mapping):
        raise ArgumentError(f"{name}, line {number} is not a request.", hint=FORMS)
    line_id = row.get("custom_id", row.get("id"))
    body = row.get("body", row.get("params", row))
    prompt = body.get("messages", body.get("prompt")) if isinstance(body, Mapping) else None
    if not isinstance(prompt, str | list):
        raise ArgumentError(f"{name}, line {number} has neither a prompt nor messages.", hint=FORMS)
    return None if line_id is None else str(line_id), BatchRequest(prompt, **_read_options(name, number, body))


def _read_options(name: str, number: int, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - options of many types
    """Return the options in a line; further parameters are the vendor's own."""
    fields = {_RENAMED.get(key, key): value for key, value in body.items() if value is not None}
    for key in ("messages", "prompt", "custom_id", "id", "stream", "n"):
        fields.pop(key, None)
    if "tools" in fields or "tool_choice" in fields:
        raise ArgumentError(f"{name}, line {number} has tools.", hint="Call client.batch(…, tools=…) in Python.")
    options = {key: value for key, value in fields.items() if key in _OPTIONS}
    if (response_format := fields.pop("response_format", None)) is not None and "schema" not in options:
        options["schema"] = response_format
    extra = {key: value for key, value in fields.items() if key not in _OPTIONS}
    return options | ({"extra": extra} if extra else {})
