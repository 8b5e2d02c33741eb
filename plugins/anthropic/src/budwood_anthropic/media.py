"""
Encode images and documents for Anthropic's Messages API.

Source: the types of its Python SDK, ``anthropic`` 2.14.0: ``types/image_block_param.py``,
``types/document_block_param.py``.
"""

from __future__ import annotations

import base64
from typing import Any, Final

from budwood.errors import PromptError, UnsupportedError
from budwood.providing import InlineMedia, inline_media, sniff_media_type
from budwood.types import DocumentPart, ImagePart
from budwood_anthropic.decoding import VENDOR

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp")
PDF: Final = "application/pdf"

_SNIFFED: Final = 1024
"""Characters of base64 that are decoded to find the media type."""


def encode_media(part: ImagePart | DocumentPart) -> dict[str, Any]:
    """
    Encode an image or a document.

    A part with ``provider="anthropic"`` may have further fields of the block in ``vendor_data``, such as
    ``{"citations": {"enabled": True}}``, or the ``context`` of a document.

    Raises:
        PromptError: The media type is not known.
        UnsupportedError: The API does not take this media type.
    """
    block: dict[str, Any] = {"type": part.type, "source": _encode_source(part)}
    if part.name and isinstance(part, DocumentPart):
        block["title"] = part.name
    if part.provider == VENDOR and isinstance(part.vendor_data, dict):
        block |= part.vendor_data
    return block


def _encode_source(part: ImagePart | DocumentPart) -> dict[str, Any]:
    if part.file_id is not None:
        return {"type": "file", "file_id": part.file_id}
    content = inline_media(part)
    if content is None:
        return {"type": "url", "url": part.url}
    media_type = _find_type(part, content)
    if isinstance(part, DocumentPart) and _is_text(media_type):
        return {"type": "text", "media_type": "text/plain", "data": _read_text(part, content)}
    allowed = IMAGE_TYPES if isinstance(part, ImagePart) else (PDF,)
    if media_type not in allowed:
        hint = "Convert it, for example to PNG." if isinstance(part, ImagePart) else "Convert it to PDF or text."
        raise UnsupportedError(f"Anthropic takes no {part.type} of the type {media_type}.", hint=hint)
    return {"type": "base64", "media_type": media_type, "data": content.base64}


def _find_type(part: ImagePart | DocumentPart, content: InlineMedia) -> str:
    """Return the media type of the content, which the API compares with its bytes; that of a file is the stated one."""
    found = None if part.path is not None else sniff_media_type(_decode(content.base64[:_SNIFFED]))
    media_type = found or content.media_type
    if media_type is None:
        example = "image/png" if isinstance(part, ImagePart) else PDF
        raise PromptError(f"The media type of the {part.type} is not known.", hint=f'Pass media_type="{example}".')
    return media_type.partition(";")[0].strip().lower()


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type == "application/json"


def _read_text(part: DocumentPart, content: InlineMedia) -> str:
    if part.path is not None:
        raise UnsupportedError(
            "A document of text cannot be sent from its path.", hint="Pass files=[…], or its content as data."
        )
    try:
        return _decode(content.base64).decode("utf-8")
    except UnicodeDecodeError:
        raise PromptError("A document of text is not in UTF-8.", hint="Decode it, and encode it in UTF-8.") from None


def _decode(text: str) -> bytes:
    """
    Decode base64.

    Raises:
        PromptError: It is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise PromptError(
            "The content of a data: URL is not valid base64.", hint="Pass the content itself as data."
        ) from None
