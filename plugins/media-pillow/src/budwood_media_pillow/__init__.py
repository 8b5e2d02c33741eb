"""Images, scaled and encoded as models take them."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood_media_pillow.handler import PillowHandler
from budwood_media_pillow.settings import PillowSettings

__all__ = ["PillowHandler", "PillowSettings", "budwood_media_handlers"]


@hookimpl
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe the handler."""
    return [
        MediaHandlerSpec(
            name="pillow",
            settings=lambda: PillowSettings,
            build=lambda settings, _context: PillowHandler(settings),
            requires_api=(2, 0),
            summary="Images, scaled and encoded as the model takes them.",
            media_types=(
                "image/png",
                "image/jpeg",
                "image/gif",
                "image/webp",
                "image/bmp",
                "image/tiff",
                "image/avif",
                "image/heic",
                "image/heif",
            ),
        )
    ]
