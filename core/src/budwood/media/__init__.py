"""The built-in plugin for files in messages. It is registered like any other plugin."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood.media.handlers import ImageHandler, NoSettings, TextHandler

__all__ = ["ImageHandler", "TextHandler", "budwood_media_handlers"]


@hookimpl
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe the handlers of text and of images."""
    return [
        MediaHandlerSpec(
            name="text",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: TextHandler(),
            requires_api=(2, 0),
            summary="Text of any kind, in UTF-8.",
            media_types=("text/*",),
        ),
        MediaHandlerSpec(
            name="image",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: ImageHandler(),
            requires_api=(2, 0),
            summary="PNG, JPEG, GIF and WebP images.",
            media_types=("image/png", "image/jpeg", "image/gif", "image/webp"),
        ),
    ]
