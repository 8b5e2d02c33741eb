"""Small office documents."""

from __future__ import annotations

import io
import zipfile
from datetime import date

import openpyxl
import pptx

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

CONTENT_TYPES = (
    f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" ContentType="{_TYPE}"/></Types>'
)
RELATIONS = (
    f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)
DOCUMENT = (
    f'<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>Größe</w:t></w:r></w:p>'
    "<w:p><w:r><w:t>Second</w:t></w:r></w:p></w:body></w:document>"
)


def make_docx(document: str = DOCUMENT) -> bytes:
    """
    Return a document of Word with two paragraphs.
    """
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", CONTENT_TYPES)
        archive.writestr("_rels/.rels", RELATIONS)
        archive.writestr("word/document.xml", document)
    return output.getvalue()


def make_xlsx() -> bytes:
    """
    Return two sheets.
    """
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "People"
    sheet.append(["name", "born"])
    sheet.append(["Ada|B", date(1815, 12, 10)])
    sheet.append([])
    book.create_sheet("Empty")
    output = io.BytesIO()
    book.save(output)
    return output.getvalue()


def make_pptx() -> bytes:
    """
    Return a slide with a title, a text, a table and notes.
    """
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Hello"
    slide.placeholders[1].text = "A text"
    table = slide.shapes.add_table(2, 1, 0, 0, 100, 100).table
    table.cell(0, 0).text, table.cell(1, 0).text = "name", "Ada"
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    output = io.BytesIO()
    presentation.save(output)
    return output.getvalue()
