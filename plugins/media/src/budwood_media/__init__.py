"""Tables, pages of PDF documents, and durations of audio and video."""

from collections.abc import Iterable
from typing import Any, Final

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood_media.durations import DurationHandler
from budwood_media.pdf import PDFHandler
from budwood_media.settings import NoSettings, TableSettings
from budwood_media.tables import TableHandler

__all__ = ["DurationHandler", "PDFHandler", "TableHandler", "TableSettings", "budwood_media_handlers"]

_TIMED: Final = (
    "audio/wav",
    "audio/mpeg",
    "audio/flac",
    "audio/ogg",
    "audio/mp4",
    "audio/aiff",
    "audio/webm",
    "video/mp4",
    "video/quicktime",
    "video/webm",
)


@hookimpl
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe the handlers."""
    return [
        MediaHandlerSpec(
            name="duration",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: DurationHandler(),
            requires_api=(2, 0),
            summary="Audio and video with their duration.",
            media_types=_TIMED,
        ),
        MediaHandlerSpec(
            name="pdf",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: PDFHandler(),
            requires_api=(2, 0),
            summary="PDF documents with the number of their pages.",
            media_types=("application/pdf",),
        ),
        MediaHandlerSpec(
            name="table",
            settings=lambda: TableSettings,
            build=TableHandler,
            requires_api=(2, 0),
            summary="CSV and TSV files as tables in Markdown.",
            media_types=("text/csv", "text/tab-separated-values"),
        ),
    ]
