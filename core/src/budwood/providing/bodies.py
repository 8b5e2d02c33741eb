"""Encode JSON bodies; parse those of replies, find the text of an error in them, and describe invalid ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import from_json, to_json

from budwood.errors import BadResponseError
from budwood.providing.file_texts import FILE_TOKEN, insert_files
from budwood.providing.headers import parse_request_id
from budwood.providing.json_limits import MAX_UNCHECKED_BYTES, check_json_cost
from budwood.types import Body, HTTPReply

MAX_MESSAGE: Final = 500
"""The most characters of a vendor's message that our errors repeat."""

CUT: Final = "…"
"""The end of a text that was shortened."""

_MAX_DESCRIBED: Final = 4096
"""The most bytes of a body that are examined to describe it."""

_MESSAGE_FIELDS: Final = (
    "error", "errors", "message", "Message", "msg", "detail", "error_description", "error_msg", "error_message",
    "status_msg", "base_resp", "title", "reason",
)  # fmt: skip
"""The fields that hold the text of an error, or an object with it, in order of priority."""

_MAX_DEPTH: Final = 4

_END_MARK: Final = re.compile(rb"(?<=[}\s])data: ?\[DONE\]\s*\Z")
"""The end mark of an event stream, which some gateways append to a JSON body."""


def encode_json(value: Any) -> Body:  # noqa: ANN401 - any JSON
    """Encode JSON. The files in it are sent in blocks; see `budwood.providing.file_texts.FileText`."""
    content = to_json(value)
    if FILE_TOKEN.encode() not in content:
        return content
    return insert_files(value, content)


def parse_json(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse JSON as servers send it.

    A broken character is no reason to discard a reply: half a surrogate pair and invalid UTF-8 become U+FFFD. A byte
    order mark and raw control characters in texts are accepted.

    Raises:
        ValueError: It is not JSON.
        ResponseTooLargeError: The JSON has millions of values, and parsing it would fill the memory.
    """
    if len(data) > MAX_UNCHECKED_BYTES:
        check_json_cost(data)
    try:
        return from_json(data)
    except ValueError as error:
        from budwood.providing.lenient_json import parse_with_halves, repair

        try:
            return repair(parse_with_halves(data))
        except (ValueError, RecursionError):
            raise error from None


def parse_body(reply: HTTPReply, *request_id_headers: str) -> Any:  # noqa: ANN401 - any JSON
    """
    Parse a body that should be JSON.

    Args:
        reply: The reply.
        request_id_headers: Further headers that may hold the vendor's request id; see `parse_request_id`.

    Raises:
        BadResponseError: The body is not JSON; the message describes it. An empty body is retryable: overloaded servers
            send one.
    """
    if not reply.body.strip():
        raise BadResponseError(
            f"The reply has status {reply.status} and an empty body.",
            hint="Ask again later. If it persists, check that base_url is the address of the API.",
            status=reply.status,
            request_id=parse_request_id(reply.headers, *request_id_headers),
            retryable=True,
        )
    try:
        return parse_json(reply.body)
    except ValueError as error:
        if (end_mark := _END_MARK.search(reply.body)) is not None:
            return parse_body(HTTPReply(reply.head, reply.body[: end_mark.start()]), *request_id_headers)
        message = f"The reply is not valid JSON ({error}) but {describe_body(reply.body)}."
        request_id = parse_request_id(reply.headers, *request_id_headers)
        raise BadResponseError(message, status=reply.status, request_id=request_id) from None


def parse_object(reply: HTTPReply, *request_id_headers: str) -> dict[str, Any]:
    """
    Parse a body that should be a JSON object; see `parse_body`.

    Raises:
        BadResponseError: The body is not a JSON object; the message describes it.
    """
    body = parse_body(reply, *request_id_headers)
    if not isinstance(body, dict):
        raise BadResponseError(
            f"The reply is not a JSON object but {describe_body(reply.body)}.",
            status=reply.status,
            request_id=parse_request_id(reply.headers, *request_id_headers),
        )
    return body


def require_text(value: object, name: str) -> str:
    """
    Return a text of a reply; null counts as an empty text.

    Args:
        value: The value of the field.
        name: The field's name, for the error.

    Raises:
        BadResponseError: The value has another type. If it were dropped, the reply would look complete.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise BadResponseError(f"The reply's field {name!r} is not a text but {type(value).__name__}.")


def parse_id(value: object) -> str | None:
    """Return an id or a name of a reply as a text, since some servers send numbers; None for all else."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def make_missing_field_error(reply: HTTPReply, body: Mapping[str, Any], name: str) -> BadResponseError:
    """
    Return the error for a reply with status 200 that lacks the field with its content.

    If the body contains the text of an error, the message quotes it, and the hint does not suspect the address.
    """
    message, hint = f"The reply has no {name}.", None
    if reported := find_message(body):
        message = f"{message} The server reports: {clip(reported)}"
        hint = "Resolve what the server reports."
    return BadResponseError(message, hint=hint, status=reply.status, request_id=parse_request_id(reply.headers))


def find_message(body: object, depth: int = _MAX_DEPTH) -> str | None:
    """
    Find the text of an error in a parsed body, in any of the forms that servers and gateways use.

    Args:
        body: The body, or a part of it.
        depth: The number of nested objects and lists that are searched.

    Returns:
        None if the body has no such text.
    """
    if isinstance(body, str):
        return body if body.strip() else None
    if depth and isinstance(body, Mapping):
        values = [body[name] for name in _MESSAGE_FIELDS if body.get(name)]
    elif depth and isinstance(body, list):
        values = body[:1]
    else:
        return None
    return next((text for value in values if (text := find_message(value, depth - 1))), None)


def describe_body(body: bytes) -> str:
    """Describe an unexpected body in a few words: ``HTML ('Bad gateway')``, ``text that starts with …``."""
    text = body.strip()[:_MAX_DESCRIBED].decode("utf-8", "replace").strip()
    if not text:
        return "empty"
    if text[:1] == "<":
        title = re.search(r"<title[^>]*>\s*(.*?)\s*</title>", text, re.IGNORECASE | re.DOTALL)
        return f"HTML ({clip(title[1], 80)!r})" if title else "HTML"
    return f"text that starts with {clip(text, 80)!r}"


def clip(text: str, length: int = MAX_MESSAGE) -> str:
    """Shorten a text and put it on one line. Unprintable characters, which could control a terminal, are removed."""
    examined = text[: 4 * length]
    shown = " ".join("".join(one for one in examined if one.isprintable() or one.isspace()).split())
    return shown if len(shown) <= length and len(examined) == len(text) else shown[: length - 1] + CUT
