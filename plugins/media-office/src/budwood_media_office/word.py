"""Documents of Word, by mammoth."""

from __future__ import annotations

from budwood.types import MediaFile
from budwood_media_office.settings import OfficeSettings


def convert_word(file: MediaFile, _settings: OfficeSettings) -> str:
    """Convert a document to Markdown. Images are left out."""
    import mammoth

    with file.open() as content:
        converted = mammoth.convert_to_markdown(content, convert_image=lambda _image: [])
    return str(converted.value).strip()
