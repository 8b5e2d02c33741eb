"""Documents of Word, Excel and PowerPoint become Markdown."""

from __future__ import annotations

import io
import zipfile

import pytest

from budwood.errors import PromptError
from budwood_media_office import OfficeSettings, budwood_media_handlers
from budwood_testing import plugin_context
from tests.media import make_file
from tests.plugins.office_documents import DOCUMENT, make_docx, make_pptx, make_xlsx


@pytest.fixture
def read(tmp_path):
    """
    Return the text of a document.
    """
    specs = {spec.name: spec for spec in budwood_media_handlers()}

    def read(name: str, data: bytes, **settings: int) -> str:
        spec = specs[name]
        handler = spec.build(OfficeSettings(**settings), plugin_context(name, cache_folder=tmp_path))
        (part,) = handler.parts(make_file(f"a.{name}", data, spec.media_types[0]))
        return part.text

    return read


def test_document_of_word_becomes_markdown(read):
    """
    Each paragraph is one.
    """
    assert read("docx", make_docx()) == '<document name="a.docx">\nGröße\n\nSecond\n</document>\n'


def test_sheets_become_tables(read):
    """
    Dates are in ISO form, empty rows are left out, and an empty sheet has its name.
    """
    text = read("xlsx", make_xlsx())

    assert "## People\n\n| name | born |\n| --- | --- |\n| Ada&#124;B | 1815-12-10T00:00:00 |\n\n## Empty\n" in text


def test_slides_become_markdown(read):
    """
    They have titles, texts, tables and notes.
    """
    text = read("pptx", make_pptx())

    for expected in ("## Slide 1: Hello", "A text", "| name |\n| --- |\n| Ada |", "Notes: Speak slowly."):
        assert expected in text
    assert text.count("Hello") == 1


def test_archive_that_unpacks_to_too_much_is_rejected(read):
    """
    Its table of contents is enough to refuse it.
    """
    bomb = make_docx(DOCUMENT + " " * 200_000_000)

    assert len(bomb) < 1_000_000
    with pytest.raises(PromptError, match=r"a\.docx is larger.*max_unpacked in \[media_handlers\.docx\]"):
        read("docx", bomb)


def test_entities_of_xml_are_rejected(read):
    """
    Entities within entities grow without bound; office programs write none.
    """
    entities = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'

    with pytest.raises(PromptError, match=r"a\.docx has a document type"):
        read("docx", make_docx(entities + DOCUMENT))


def test_sheet_with_a_far_cell_is_rejected(read):
    """
    A cell at the far end of many rows would be millions of empty cells.
    """
    with zipfile.ZipFile(io.BytesIO(make_xlsx())) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    rows = "".join(f'<row r="{row}"><c r="XFD{row}"><v>1</v></c></row>' for row in range(1, 1000))
    entries["xl/worksheets/sheet1.xml"] = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{rows}</sheetData></worksheet>"
    ).encode()
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)

    with pytest.raises(PromptError, match="too many cells"):
        read("xlsx", output.getvalue())


@pytest.mark.parametrize(("setting", "error"), [("max_rows", "more than 1 rows"), ("max_characters", "characters")])
def test_limits_are_settings(read, setting, error):
    """
    The error names what is too large.
    """
    with pytest.raises(PromptError, match=error):
        read("xlsx", make_xlsx(), **{setting: 1})


@pytest.mark.parametrize(("name", "make"), [("docx", make_docx), ("xlsx", make_xlsx), ("pptx", make_pptx)])
def test_truncated_document_is_rejected(read, name, make):
    """
    The table of contents of an archive is at its end.
    """
    data = make()

    with pytest.raises(PromptError, match=f"a.{name} is a damaged document"):
        read(name, data[: len(data) // 2])
