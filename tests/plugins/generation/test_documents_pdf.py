from __future__ import annotations

import builtins
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood_generation.documents import Section
from budwood_generation.documents.pdf import read_pdf

SENTENCE = "The leaves of the tea plant are picked by hand in spring"


def make_pdf(*pages: Sequence[str], bookmarks: Sequence[tuple[int, str]] = (), trailer: str = "") -> bytes:
    """Return a PDF file with lines of text; bookmarks have the number of a page and a title."""
    objects = ["", "<< /Type /Pages /Kids [{}] /Count {} >>", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for lines in pages:
        shown = "".join(f"({line}) Tj T* " for line in lines)
        text = f"BT /F1 10 Tf 14 TL 50 750 Td {shown}ET" if lines else ""
        objects.append(f"<< /Length {len(text)} >>\nstream\n{text}\nendstream")
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] {resources} /Contents {len(objects)} 0 R >>"
        )
        kids.append(len(objects))
    first = len(objects) + 2
    for place, (page, title) in enumerate(bookmarks):
        following = f"/Next {first + place + 1} 0 R" if place + 1 < len(bookmarks) else ""
        objects.append(f"<< /Title ({title}) /Parent {first - 1} 0 R /Dest [{kids[page]} 0 R /Fit] {following} >>")
    objects.insert(first - 2, f"<< /First {first} 0 R /Last {first + len(bookmarks) - 1} 0 R >>")
    objects[0] = f"<< /Type /Catalog /Pages 2 0 R {f'/Outlines {first - 1} 0 R' if bookmarks else ''} >>"
    objects[1] = objects[1].format(" ".join(f"{kid} 0 R" for kid in kids), len(kids))
    file = "%PDF-1.4\n"
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n{content}\nendobj\n"
    entries = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    table = f"xref\n0 {size}\n0000000000 65535 f \n{entries}"
    return f"{file}{table}trailer\n<< /Size {size} /Root 1 0 R {trailer} >>\nstartxref\n{len(file)}\n%%EOF".encode()


def sections(data: bytes) -> tuple[Section, ...]:
    """Read a PDF file."""
    return read_pdf(data, "tea.pdf").sections()


def test_lines_are_joined_to_paragraphs():
    """
    A paragraph ends with a short line that ends a sentence, or before an item of a list; also on the next page.
    """
    pages = (
        [
            f"{SENTENCE} and",
            "dried in the sun.",
            f"{SENTENCE} or",
            "in autumn:",
            "- green",
            "- black and",
            f"{SENTENCE}",
        ],
        ["and winter."],
    )

    assert sections(make_pdf(*pages)) == (
        Section(
            (),
            (
                f"{SENTENCE} and dried in the sun.",
                f"{SENTENCE} or in autumn:",
                "- green",
                f"- black and {SENTENCE} and winter.",
            ),
        ),
    )


def test_bookmarks_are_headings():
    """
    Their lines may have the number of the section.
    """
    page = ["1 Green tea", f"{SENTENCE}.", "2. Black tea", "Oxidised."]
    data = make_pdf(page, bookmarks=[(0, "Green tea"), (0, "Black tea"), (0, "Missing")])

    assert read_pdf(data, "tea.pdf").title == "1 Green tea"
    assert sections(data) == (
        Section(("1 Green tea",), (f"{SENTENCE}.",)),
        Section(("2. Black tea",), ("Oxidised.",)),
    )


def test_headers_and_page_numbers_are_excluded():
    """
    They are the same first or last line of several pages, apart from digits.
    """
    pages = [[f"Tea - {number}", f"{SENTENCE} {letter}.", f"Page {number}"] for number, letter in enumerate("abcd", 9)]

    (section,) = sections(make_pdf(*pages))
    assert " ".join(map(str, section.blocks)) == " ".join(f"{SENTENCE} {letter}." for letter in "abcd")


def test_an_encrypted_file_is_rejected():
    """
    The error says how to decrypt it.
    """
    key = "0" * 64
    encryption = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{key}> /U <{key}> /P -4 >> /ID [<00> <00>]"

    with pytest.raises(ConfigurationError, match=r"'tea\.pdf' is encrypted.*qpdf --decrypt"):
        sections(make_pdf(["Tea."], trailer=encryption))


def test_a_file_without_text_is_rejected():
    """
    Its pages may be images. The error says how to add the text.
    """
    with pytest.raises(ConfigurationError, match=r"'tea\.pdf' contains no text.*ocrmypdf"):
        sections(make_pdf([], []))


@pytest.mark.parametrize("data", [b"", b"text", b"\0" * 100, b"%PDF-1.4\n" + b"\xff" * 10_000])
def test_a_damaged_file_is_rejected(data):
    """
    The error names it.
    """
    with pytest.raises(ConfigurationError, match=r"'tea\.pdf' is not a valid PDF file"):
        sections(data)


@settings(deadline=None)
@given(st.data())
def test_a_changed_file_never_crashes(data):
    """
    It is read or rejected.
    """
    content = bytearray(make_pdf(["Tea is a drink."], [f"{SENTENCE}."], bookmarks=[(0, "Tea"), (1, "Drinks")]))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=20)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        found = sections(bytes(content))
    except ConfigurationError:
        return
    assert all(block for section in found for block in section.blocks)


def test_without_pypdfium2_the_error_says_how_to_install_it(monkeypatch):
    """
    The command works without a package index that has this project's distributions.
    """
    real_import = builtins.__import__

    def hide(name, *args, **options):
        if name == "pypdfium2":
            raise ImportError(name)
        return real_import(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", hide)

    with pytest.raises(ConfigurationError, match="`pip install pypdfium2`"):
        sections(make_pdf(["Tea."]))
