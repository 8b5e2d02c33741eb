from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents.plain import read_plain


def test_blank_lines_separate_paragraphs():
    """
    Lines of a paragraph are joined. Lines with only white space are blank.
    """
    (section,) = read_plain("One line,\n  and another.\n \t\n\nA second paragraph.\n").sections()

    assert section.headings == ()
    assert section.blocks == ("One line, and another.", "A second paragraph.")


@given(st.text())
def test_words_of_a_plain_text_are_read_in_order(text):
    """
    Only white space changes.
    """
    paragraphs = [paragraph for section in read_plain(text).sections() for paragraph in section.blocks]

    assert " ".join(paragraphs).split() == text.split()
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in paragraphs)
