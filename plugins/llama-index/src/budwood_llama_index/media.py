"""Images, audio, video and documents: LlamaIndex's blocks and Budwood's parts."""

from __future__ import annotations

import base64
import mimetypes
from io import IOBase
from pathlib import Path
from typing import Any, Final

from llama_index.core.base.llms.types import AudioBlock, DocumentBlock, ImageBlock, VideoBlock

from budwood.errors import PromptError
from budwood.types import AnyMedia, AudioPart, DocumentPart, ImagePart, VideoPart

MediaBlock = ImageBlock | AudioBlock | VideoBlock | DocumentBlock

_AUDIO_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "mp4": "audio/mp4"}
_FORMATS: Final = {media_type: name for name, media_type in reversed(_AUDIO_TYPES.items())}


def to_media_part(block: MediaBlock) -> AnyMedia:
    """
    Convert a block. Files are read when the request is sent, and URLs are passed on.

    Raises:
        PromptError: The block has no content.
    """
    match block:
        case ImageBlock():
            source = _find_source(block.image, block)
            return ImagePart(**source, media_type=block.image_mimetype, detail=block.detail)
        case AudioBlock():
            media_type = _AUDIO_TYPES.get(block.format, f"audio/{block.format}") if block.format else None
            return AudioPart(**_find_source(block.audio, block), media_type=media_type)
        case VideoBlock():
            return VideoPart(**_find_source(block.video, block), media_type=block.video_mimetype)
        case DocumentBlock():
            source = _find_source(block.data, block)
            return DocumentPart(**source, media_type=block.document_mimetype, name=block.title)


def to_media_block(part: AnyMedia) -> MediaBlock | None:
    """Convert a part of a reply; None if its content is only at the vendor."""
    if part.url is None and part.data is None and part.path is None:
        return None
    content = None if part.url is not None else part.read()
    match part:
        case ImagePart():
            return ImageBlock(image=content, url=part.url, image_mimetype=part.media_type, detail=part.detail)
        case AudioPart():
            return AudioBlock(audio=content, url=part.url, format=_find_format(part.media_type))
        case VideoPart():
            return VideoBlock(video=content, url=part.url, video_mimetype=part.media_type)
        case DocumentPart():
            return DocumentBlock(data=content, url=part.url, document_mimetype=part.media_type, title=part.name)


def _find_source(content: bytes | IOBase | None, block: MediaBlock) -> dict[str, Any]:
    """Return the source of a block as an argument of a part."""
    if isinstance(content, bytes):  # LlamaIndex has encoded it
        return {"data": base64.b64decode(content)}
    if content is not None:
        content.seek(0)
        return {"data": content.read()}
    if block.path is not None:
        return {"path": Path(block.path)}
    if block.url is not None:
        return {"url": str(block.url)}
    raise PromptError(
        f"A {type(block).__name__} has no content.", hint="Pass its content, a path=… or a url=… to the block."
    )


def _find_format(media_type: str | None) -> str | None:
    if media_type is None:
        return None
    return _FORMATS.get(media_type) or (mimetypes.guess_extension(media_type) or media_type.rpartition("/")[2]).lstrip(
        "."
    )
