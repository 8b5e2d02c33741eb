"""Documents of Word, Excel and PowerPoint as Markdown."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from budwood.hooks import MediaHandlerSpec, hookimpl
from budwood.types import MediaFile
from budwood_media_office.handler import OfficeHandler
from budwood_media_office.presentations import convert_presentation
from budwood_media_office.settings import OfficeSettings
from budwood_media_office.sheets import convert_sheets
from budwood_media_office.word import convert_word

__all__ = ["OfficeHandler", "OfficeSettings", "budwood_media_handlers"]

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"


def _make_spec(
    name: str, kind: str, summary: str, convert: Callable[[MediaFile, OfficeSettings], str]
) -> MediaHandlerSpec[Any]:
    return MediaHandlerSpec(
        name=name,
        settings=lambda: OfficeSettings,
        build=lambda settings, context: OfficeHandler(settings, context, convert),
        requires_api=(2, 0),
        summary=summary,
        media_types=(f"{_OFFICE}.{kind}",),
    )


@hookimpl
def budwood_media_handlers() -> Iterable[MediaHandlerSpec[Any]]:
    """Describe the handlers."""
    return [
        _make_spec("docx", "wordprocessingml.document", "Documents of Word as Markdown.", convert_word),
        _make_spec("xlsx", "spreadsheetml.sheet", "The sheets of Excel as tables in Markdown.", convert_sheets),
        _make_spec("pptx", "presentationml.presentation", "Slides of PowerPoint as Markdown.", convert_presentation),
    ]
