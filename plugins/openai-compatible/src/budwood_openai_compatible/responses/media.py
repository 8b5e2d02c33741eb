"""
Encode and decode media of Responses.

Source: OpenAI's API description 2.3.0, ``InputImageContent``, ``InputFileContent`` and ``ImageGenToolCall``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from budwood.errors import BadResponseError, UnsupportedError
from budwood.providing import inline_media, media_url, sniff_media_type
from budwood.types import AnyMedia, DocumentPart, ImagePart
from budwood_openai_compatible.chat_media import name_document

IMAGE_CALL: Final = "image_generation_call"
"""The type of items with images that the server's tool has generated."""


def encode_media_part(part: AnyMedia) -> dict[str, Any]:
    """
    Encode media as a content part.

    Raises:
        UnsupportedError: The API does not take media of this kind.
    """
    match part:
        case ImagePart():
            detail = {"detail": part.detail or "auto"}
            if part.file_id is not None:
                return {"type": "input_image", "file_id": part.file_id, **detail}
            return {"type": "input_image", "image_url": media_url(part), **detail}
        case DocumentPart(file_id=str(file_id)):
            return {"type": "input_file", "file_id": file_id}
        case DocumentPart(url=str(url)) if not url.startswith("data:"):
            return {"type": "input_file", "file_url": url}
        case DocumentPart():
            return {"type": "input_file", "filename": name_document(part), "file_data": media_url(part)}
        case _:
            raise UnsupportedError(
                f"The Responses API does not take {part.type}.",
                hint='Set api="chat", and choose a model that takes it.',
            )


def decode_image_call(item: Mapping[str, Any], vendor: str) -> ImagePart | None:
    """Decode an item with a generated image; None if it has none. ``vendor_data`` has its other fields."""
    content = item.get("result")
    if not isinstance(content, str) or not content:
        return None
    data = decode_image(content)
    return ImagePart(
        data=data,
        media_type=sniff_media_type(data[:16]) or f"image/{item.get('output_format') or 'png'}",
        provider=vendor,
        vendor_data={name: value for name, value in item.items() if name != "result"},
    )


def decode_image(content: str) -> bytes:
    """
    Decode an image in base64.

    Raises:
        BadResponseError: It is something else.
    """
    try:
        return base64.b64decode(content)
    except binascii.Error as error:
        raise BadResponseError(f"The reply has an image that is not base64 ({error}).") from None


def encode_image_call(part: ImagePart) -> dict[str, Any]:
    """Return the item in which an image was received."""
    inline = inline_media(part)
    data: Any = part.vendor_data
    return {**data, "result": inline.base64 if inline is not None else None}


def is_image_call(part: object, vendor: str) -> bool:
    """Return whether an image was received in an item of this server."""
    return (
        isinstance(part, ImagePart)
        and part.provider == vendor
        and isinstance(part.vendor_data, dict)
        and part.vendor_data.get("type") == IMAGE_CALL
    )
