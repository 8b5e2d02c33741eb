"""
Encode results of tools as ``functionResponse``, with their images.

Source: ai.google.dev/gemini-api/docs/function-calling, "Multimodal function responses": models from Gemini 3 on take
images inside a response, as inline data.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

from budwood.errors import PromptError
from budwood.providing import inline_image
from budwood.types import ImagePart, Message, ToolResultPart

OUR_ID: Final = "budwood-"
"""The prefix of ids that Budwood makes for calls without one; they are not sent back."""


def id_field(call_id: str) -> dict[str, str]:
    """Return the field with a call's id, unless the id is one of ours."""
    return {} if call_id.startswith(OUR_ID) else {"id": call_id}


def encode_result(result: ToolResultPart, *, multimodal: bool) -> dict[str, Any]:
    """
    Encode a result.

    Args:
        result: What the tool returned.
        multimodal: Whether the model takes images in it.
    """
    response: dict[str, Any] = {**id_field(result.call_id), "name": result.name, "response": _response(result)}
    if multimodal and (images := [encode_image(image) for image in result.images if inline_image(image)]):
        response["parts"] = images
    return {"functionResponse": response}


def encode_moved_images(message: Message, *, multimodal: bool) -> list[dict[str, Any]]:
    """
    Encode the images that `encode_result` leaves out, each group after the name of its tool.

    They follow all results of the turn. Without `multimodal` these are all images, otherwise those with an address.
    """
    moved: list[dict[str, Any]] = []
    for result in message.tool_results:
        images = [encode_image(image) for image in result.images if not (multimodal and inline_image(image))]
        if images:
            moved += ({"text": f"Returned by {result.name}:"}, *images)
    return moved


def encode_image(image: ImagePart) -> dict[str, Any]:
    """
    Encode an image's bytes, or the address from which Gemini fetches it.

    Raises:
        PromptError: The media type of the image is unknown.
    """
    inline = inline_image(image)
    if inline is None:
        kind = {"mimeType": image.media_type} if image.media_type else {}
        return {"fileData": {**kind, "fileUri": image.url}}
    if inline.media_type in (None, "application/octet-stream"):
        raise PromptError("An image has no media type.", hint='Give media_type="image/png" with it.')
    return {"inlineData": {"mimeType": inline.media_type, "data": inline.base64}}


def _response(result: ToolResultPart) -> dict[str, Any]:
    """Return the object that a result must be; a value of another type goes under ``output``, or ``error``."""
    try:
        answer = from_json(result.text)
    except ValueError:
        answer = result.text
    if isinstance(answer, dict):
        return answer
    return {"error" if result.is_error else "output": answer if isinstance(answer, list) else result.text}
