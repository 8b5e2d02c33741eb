from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood_generation.documents.plain import read_plain


def test_paragraphs_stand_between_empty_lines():
    """
    Lines of one paragraph are joined, and lines of white space alone separate.
    """
    (section,) = read_plain("One line,\n  and another.\n \t\n\nA second paragraph.\n").sections()

    assert section.headings == ()
    assert section.paragraphs == ("One line, and another.", "A second paragraph.")


@given(st.text())
def test_every_word_of_a_plain_text_is_kept_in_order(text):
    """
    Reading changes white space and nothing else.
    """
    paragraphs = [paragraph for section in read_plain(text).sections() for paragraph in section.paragraphs]

    assert " ".join(paragraphs).split() == text.split()
    assert all(paragraph == " ".join(paragraph.split()) for paragraph in paragraphs)
