"""
Encode results of tools as ``functionResponse``, with their media.

Source: ai.google.dev/gemini-api/docs/function-calling, "Multimodal function responses": models from Gemini 3 on take
images and documents inside a response.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

from budwood.types import Message, ToolResultPart
from budwood_gemini.media import Form, encode_media, fits_result

OUR_ID: Final = "budwood-"
"""The prefix of ids that Budwood makes for calls without one; they are not sent back."""


def id_field(call_id: str) -> dict[str, str]:
    """Return the field with a call's id, unless the id is one of ours."""
    return {} if call_id.startswith(OUR_ID) else {"id": call_id}


def encode_result(result: ToolResultPart, form: Form) -> dict[str, Any]:
    """Encode what a tool returned. Media that do not fit into it are moved; see `encode_moved_media`."""
    response: dict[str, Any] = {**id_field(result.call_id), "name": result.name, "response": _response(result)}
    if media := [encode_media(part, form) for part in result.media if fits_result(part, form)]:
        response["parts"] = media
    return {"functionResponse": response}


def encode_moved_media(message: Message, form: Form) -> list[dict[str, Any]]:
    """Encode the media that `encode_result` leaves out, each group after the name of its tool."""
    moved: list[dict[str, Any]] = []
    for result in message.tool_results:
        media = [encode_media(part, form) for part in result.media if not fits_result(part, form)]
        if media:
            moved += ({"text": f"Returned by {result.name}:"}, *media)
    return moved


def has_moved_media(message: Message, form: Form) -> bool:
    """Return whether a result has media that are sent after it."""
    return any(not fits_result(part, form) for result in message.tool_results for part in result.media)


def _response(result: ToolResultPart) -> dict[str, Any]:
    """Return the object that a result must be; a value of another type goes under ``output``, or ``error``."""
    if result.media and not result.text:
        return {}
    try:
        answer = from_json(result.text)
    except ValueError:
        answer = result.text
    if isinstance(answer, dict):
        return answer
    return {"error" if result.is_error else "output": answer if isinstance(answer, list) else result.text}
