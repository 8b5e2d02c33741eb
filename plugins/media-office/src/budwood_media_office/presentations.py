"""The slides of PowerPoint, by python-pptx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from budwood.types import MediaFile
from budwood_media_office.markdown import write_table
from budwood_media_office.settings import OfficeSettings

_MAX_DEPTH: Final = 20
"""How many groups within groups are read."""


def convert_presentation(file: MediaFile, _settings: OfficeSettings) -> str:
    """Convert slides to Markdown: titles, texts, tables and notes."""
    from pptx import Presentation

    with file.open() as content:
        presentation = Presentation(content)
        return "\n\n".join(_convert_slide(slide, number) for number, slide in enumerate(presentation.slides, 1))


def _convert_slide(slide: Any, number: int) -> str:  # noqa: ANN401 - the library has no types
    title = slide.shapes.title
    heading = f"## Slide {number}" + (f": {' '.join(title.text.split())}" if title is not None and title.text else "")
    title_id = None if title is None else title.shape_id
    texts = [text for text in _list_texts(slide.shapes, title_id, _MAX_DEPTH) if text]
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None and notes.text.strip():
        texts.append(f"Notes: {notes.text.strip()}")
    return "\n\n".join([heading, *texts])


def _list_texts(shapes: Iterable[Any], title_id: int | None, depth: int) -> Iterator[str]:
    for shape in shapes:
        if shape.shape_id == title_id:
            continue
        if hasattr(shape, "shapes") and depth:
            yield from _list_texts(shape.shapes, title_id, depth - 1)
        elif getattr(shape, "has_table", False):
            yield write_table([[cell.text for cell in row.cells] for row in shape.table.rows])
        elif getattr(shape, "has_text_frame", False):
            yield shape.text_frame.text.strip()
