"""
The results of a batch as OpenAI's lines: replies in one file, errors in another.

Source: OpenAI's API description, ``BatchRequestOutput``.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from budwood.errors import BatchItemError, StructuredOutputError
from budwood.types import ChatResponse
from budwood_server.formats.errors import encode_openai
from budwood_server.formats.openai.chat_reply import encode_chat_reply
from budwood_server.gateway.errors import describe

if TYPE_CHECKING:
    from budwood.errors import BudwoodError


class ResultLine(NamedTuple):
    """
    A line of a file with results.

    Attributes:
        is_reply: Whether the request has a reply, so that the line belongs into the output file.
        content: The line.
    """

    is_reply: bool
    content: bytes


def encode_result(
    result: ChatResponse | BudwoodError, line_id: str, custom_id: str, *, has_functions: bool = False
) -> ResultLine:
    """
    Return the line of a result.

    Args:
        result: The reply, or the error in its place.
        line_id: Identifies the request: the batch and the number of the line.
        custom_id: The id that the client gave the request.
        has_functions: See `encode_chat_reply`.
    """
    number = blake2b(line_id.encode(), digest_size=12).hexdigest()
    request_id = f"req_{number}"
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    if isinstance(result, StructuredOutputError) and result.response is not None:
        result = result.response  # clients validate it themselves
    is_reply = isinstance(result, ChatResponse)
    if isinstance(result, ChatResponse):
        response = _make_response(200, request_id, encode_chat_reply(result, has_functions=has_functions))
    elif isinstance(result, BatchItemError):
        error = {"code": f"batch_{result.reason}", "message": result.message}
    else:
        problem = describe(result)
        response = _make_response(problem.status, request_id, encode_openai(problem, request_id))
    line = {"id": f"batch_req_{number}", "custom_id": custom_id, "response": response, "error": error}
    return ResultLine(is_reply, to_json(line) + b"\n")


def _make_response(status: int, request_id: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"status_code": status, "request_id": request_id, "body": body}
