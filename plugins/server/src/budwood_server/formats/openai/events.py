"""Events of OpenAI's streams."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from budwood_server.formats.errors import encode_openai

if TYPE_CHECKING:
    from budwood_server.web.problems import Problem

DONE: Final = b"data: [DONE]\n\n"
"""What ends a stream that is complete."""


def encode_event(event: Mapping[str, Any]) -> bytes:
    """Encode an event, whose field ``type`` is also its name."""
    return b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), to_json(event, inf_nan_mode="null"))


def encode_failure(problem: Problem, request_id: str) -> bytes:
    """Encode the event that ends a stream that failed."""
    return encode_event({"type": "error", **encode_openai(problem, request_id)})
