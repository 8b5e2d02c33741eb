"""The built-in plugin for files in messages. It is registered like any other plugin."""

from collections.abc import Iterable
from typing import Any, Final

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood.media.handlers import ContentHandler, NoSettings, TextHandler

__all__ = ["ContentHandler", "TextHandler", "budwood_media_handlers"]

_FORMATS: Final = {
    "image": ("image/png", "image/jpeg", "image/gif", "image/webp"),
    "audio": (
        "audio/wav",
        "audio/mpeg",
        "audio/flac",
        "audio/ogg",
        "audio/mp4",
        "audio/aac",
        "audio/aiff",
        "audio/webm",
    ),
    "video": ("video/mp4", "video/quicktime", "video/webm"),
    "document": ("application/pdf",),
}
"""The media types that are passed on as they are, by the name of their handler."""

_SUMMARIES: Final = {
    "image": "PNG, JPEG, GIF and WebP images.",
    "audio": "WAV, MP3, FLAC, OGG, M4A, AAC, AIFF and WebM audio.",
    "video": "MP4, QuickTime and WebM videos.",
    "document": "PDF documents.",
}


@hookimpl
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe the handlers of text and of media."""
    yield MediaHandlerSpec(
        name="text",
        settings=lambda: NoSettings,
        build=lambda _settings, _context: TextHandler(),
        requires_api=(2, 0),
        summary="Text of any kind, in UTF-8.",
        media_types=("text/*", "application/json"),
    )
    for name, media_types in _FORMATS.items():
        yield MediaHandlerSpec(
            name=name,
            settings=lambda: NoSettings,
            build=lambda _settings, _context: ContentHandler(),
            requires_api=(2, 0),
            summary=_SUMMARIES[name],
            media_types=media_types,
        )
