"""
Content blocks of LangChain, and Budwood's parts of messages, in both directions.

Blocks have the standard form of ``langchain_core.messages.content``. What a vendor needs back unchanged (a signature,
an id) is in the field ``extras`` of a block, under `EXTRAS`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages import HumanMessage

from budwood import PromptError
from budwood.types import (
    AnyMedia,
    AudioPart,
    CacheLifetime,
    DocumentPart,
    ImagePart,
    MediaPart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    VendorPart,
    VideoPart,
)

Block = dict[str, Any]

EXTRAS: Final = "budwood"
"""The key of the data of vendors, in ``extras`` of blocks and ``additional_kwargs`` of messages."""

_MEDIA: Final[Mapping[str, type[AnyMedia]]] = {
    "image": ImagePart,
    "audio": AudioPart,
    "video": VideoPart,
    "file": DocumentPart,
}
_FORMS_OF_OTHERS: Final = ("source", "file")
"""Fields that distinguish blocks of vendors from LangChain's blocks of the same type."""


# From LangChain to Budwood.


def make_part(block: str | Mapping[str, Any]) -> Part | Mapping[str, Any]:
    """
    Convert a block. One in the form of a vendor's API is returned unchanged: clients parse it.

    Raises:
        PromptError: The block has no content, or its content is invalid.
    """
    if isinstance(block, str):
        return TextPart(text=block)
    kind = block.get("type")
    match kind:
        case "text":
            return TextPart(text=_read_text(block), cache=_read_cache(block), **_read_data(block))
        case "reasoning":
            return ReasoningPart(text=block.get("reasoning") or "", **_read_data(block))
        case "refusal":
            return RefusalPart(text=block.get("refusal") or "", **_read_data(block))
        case "thinking" | "redacted_thinking":  # the form of LangChain's package for Anthropic
            data = {name: value for name, value in block.items() if name != "index"}
            return ReasoningPart(text=block.get("thinking") or "", provider="anthropic", data=data)
        case "text-plain":
            return _make_media(DocumentPart, {"mime_type": "text/plain", **block})
        case str() if kind in _MEDIA and not any(field in block for field in _FORMS_OF_OTHERS):
            return _make_media(_MEDIA[kind], block)
        case "non_standard" if isinstance(value := block.get("value"), Mapping):
            return VendorPart.model_validate(value[EXTRAS]) if EXTRAS in value else value
        case _:
            return block


def make_result_part(block: str | Mapping[str, Any]) -> Part:
    """
    Convert a block of a tool's result. Blocks in the form of a vendor's API are converted as far as LangChain can.

    Raises:
        PromptError: The block has no content, or has an unknown form.
    """
    part = make_part(block)
    if isinstance(part, Mapping):
        standard = HumanMessage(content=[dict(part)]).content_blocks[0]
        part = {"type": "non_standard"} if standard["type"] == "non_standard" else make_part(standard)
    if isinstance(part, Mapping):
        raise PromptError("A tool's result contains a block of an unknown form.", hint="Return texts and media.")
    return part


def _make_media(kind: type[AnyMedia], block: Mapping[str, Any]) -> AnyMedia:
    extras = {**(block.get("extras") or {}), **(block.get("metadata") or {})}
    own = extras.get(EXTRAS) or {}
    fields = {
        **_read_source(block),
        "media_type": block.get("mime_type"),
        "name": block.get("filename") or block.get("title") or extras.get("filename") or extras.get("name"),
        "cache": _read_cache(block),
        "provider": own.get("provider"),
        "vendor_data": own.get("data"),
    }
    if kind is ImagePart:
        fields["detail"] = extras.get("detail") or block.get("detail")
    return kind(**fields)


def _read_source(block: Mapping[str, Any]) -> Block:
    """Return the source of media, in the form of LangChain 1 or the older one with ``source_type``."""
    kind = block.get("source_type")
    if (encoded := block.get("base64") or (block.get("data") if kind == "base64" else None)) is not None:
        try:
            return {"data": base64.b64decode(encoded, validate=True)}
        except (ValueError, binascii.Error):
            raise PromptError(f"The block of the type {block['type']!r} is not valid base64.") from None
    if (text := block.get("text")) is not None:
        return {"data": text.encode()}
    if url := block.get("url"):
        return {"url": url}
    if file_id := block.get("file_id") or (block.get("id") if kind == "id" else None):
        return {"file_id": file_id}
    raise PromptError(
        f"A block of the type {block['type']!r} has no content.", hint='Give it "base64", "url" or "file_id".'
    )


def _read_text(block: Mapping[str, Any]) -> str:
    if not isinstance(text := block.get("text"), str):
        raise PromptError("A block of the type 'text' has no text.", hint='Give it "text".')
    return text


def _read_cache(block: Mapping[str, Any]) -> CacheLifetime | None:
    control = block.get("cache_control") or (block.get("extras") or {}).get("cache_control")
    return control.get("ttl", "default") if isinstance(control, Mapping) else None


def _read_data(block: Mapping[str, Any]) -> Block:
    own = (block.get("extras") or {}).get(EXTRAS) or {}
    return {"provider": own.get("provider"), "data": own.get("data")}


# From Budwood to LangChain.


def make_block(part: Part) -> Block | None:
    """Convert a part of a reply; None for tool calls, which messages of LangChain hold elsewhere."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text, **make_extras(part)}
        case ReasoningPart():
            return {"type": "reasoning", "reasoning": part.text, **make_extras(part)}
        case RefusalPart():
            return {"type": "refusal", "refusal": part.text, **make_extras(part)}
        case MediaPart():
            return _make_media_block(part)
        case VendorPart():
            return {"type": "non_standard", "value": {EXTRAS: part.model_dump(mode="json")}}
        case _:
            return None


def make_extras(part: TextPart | ReasoningPart | RefusalPart | ToolCallPart) -> Block:
    """Return the field ``extras`` of a block, if the vendor needs data back."""
    return {} if part.data is None else {"extras": {EXTRAS: {"provider": part.provider, "data": part.data}}}


def _make_media_block(part: AnyMedia) -> Block:
    block: Block = {"type": "file" if part.type == "document" else part.type}
    if part.url is not None:
        block["url"] = part.url
    elif part.file_id is not None:
        block["file_id"] = part.file_id
    else:
        block["base64"] = base64.b64encode(part.read()).decode("ascii")
    if part.media_type is not None:
        block["mime_type"] = part.media_type
    extras: Block = {}
    if isinstance(part, AudioPart) and part.transcript is not None:
        extras["transcript"] = part.transcript
    if part.vendor_data is not None:
        extras[EXTRAS] = {"provider": part.provider, "data": part.vendor_data}
    return {**block, "extras": extras} if extras else block
