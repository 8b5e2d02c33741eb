from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood_generation.documents import Document, Section, split_document
from budwood_generation.documents.sentences import has_sentence

SENTENCE = "The leaves of the tea plant are picked by hand in spring."  # 57 characters


def document(*sections: tuple[str, ...], name: str = "tea.md") -> Document:
    """Make a document of sections, each under a heading of its own."""
    return Document(name, "Tea", tuple(Section(("Tea", str(i)), texts) for i, texts in enumerate(sections)), "0" * 64)


def texts(*sections: tuple[str, ...], target_chars: int = 1200) -> list[str]:
    """List the texts of the passages of such a document."""
    return [passage.text for passage in split_document(document(*sections), target_chars=target_chars)]


def letters(parts: list[str]) -> str:
    """Put texts together without their white space."""
    return "".join("".join(parts).split())


def test_whole_paragraphs_are_grouped_up_to_the_target():
    """
    Paragraphs are joined by an empty line for as long as they fit, and never cut to fill a passage.
    """
    first, second, third = SENTENCE + " 1.", SENTENCE + " 2.", SENTENCE + " 3."

    assert texts((first, second, third), target_chars=122) == [f"{first}\n\n{second}", third]
    assert texts((first, second, third), target_chars=121) == [first, second, third]


def test_a_passage_never_crosses_a_section():
    """
    Each passage stands under one chain of headings and names it.
    """
    found = split_document(document((SENTENCE * 2,), (SENTENCE * 2,)))

    assert [(passage.headings, passage.document) for passage in found] == [
        (("Tea", "0"), "tea.md"),
        (("Tea", "1"), "tea.md"),
    ]


def test_a_long_paragraph_is_cut_at_the_ends_of_sentences():
    """
    A paragraph beyond twice the target falls into whole sentences, near the target; one below stays whole.
    """
    long = " ".join([SENTENCE] * 10)

    assert texts((long,), target_chars=300) == [long]
    pieces = texts((long,), target_chars=200)
    assert " ".join(pieces) == long
    assert all(piece.startswith("The") and piece.endswith("spring.") for piece in pieces)
    assert [len(piece) for piece in pieces] == [173, 173, 231]


def test_sentences_that_go_on_in_lower_case_have_not_ended():
    """
    An abbreviation is no place to cut.
    """
    long = " ".join(["Green teas, e.g. sencha from Japan, are steamed after picking."] * 10)

    assert all(piece.startswith("Green") for piece in texts((long,), target_chars=100))


def test_chinese_and_japanese_sentences_are_cut_without_spaces():
    """
    The full stop of Chinese and Japanese ends a sentence although no space follows.
    """
    sentence = "\u8336\u306f\u98f2\u307f\u7269\u3067\u3059\u3002"
    pieces = texts((sentence * 60,), target_chars=100)

    assert "".join(pieces) == sentence * 60
    assert all(piece.endswith("\u3002") for piece in pieces)


def test_a_text_without_sentences_is_cut_at_spaces_or_else_anywhere():
    """
    No passage grows without bound, whatever the text, and nothing is lost.
    """
    spaced = "leaf " * 200
    solid = "x" * 1000

    assert all(piece.strip("leaf ") == "" and len(piece) <= 200 for piece in texts((spaced,), target_chars=100))
    assert letters(texts((spaced,), target_chars=100)) == letters([spaced])
    assert "".join(texts((solid,), target_chars=100)) == solid


def test_a_fragment_stays_with_what_it_leads_to():
    """
    A label at the border of a passage goes to the next one, with the text that it announces.
    """
    found = texts((SENTENCE * 2, "Green tea", SENTENCE * 2), target_chars=130)

    assert found == [SENTENCE * 2, f"Green tea\n\n{SENTENCE * 2}"]


def test_a_fragment_at_the_end_stays_with_what_it_follows():
    """
    The last items of a list do not stand alone.
    """
    assert texts((SENTENCE * 2, "green", "black"), target_chars=120) == [f"{SENTENCE * 2}\n\ngreen\n\nblack"]


def test_a_long_list_of_labels_is_still_divided():
    """
    Fragments alone make passages of the target's size, or twice that at the end, and not one without bounds.
    """
    found = texts(tuple(f"label number {i}" for i in range(200)), target_chars=200)

    assert len(found) > 10
    assert all(40 <= len(text) <= 400 for text in found)


def test_a_section_that_says_next_to_nothing_is_left_out():
    """
    Less than 80 characters in all without a sentence are not worth a question; 80 are.
    """
    assert texts(("x" * 39, "y" * 40)) == []
    assert texts(("x" * 40, "y" * 40)) == ["x" * 40 + "\n\n" + "y" * 40]
    assert texts(()) == texts((" ", " " * 100)) == []


def test_a_short_section_that_holds_a_sentence_is_kept():
    """
    A statement is worth a question however brief it is.
    """
    assert texts(("Boil the water first.",), ("See also", "Index")) == ["Boil the water first."]


def test_ids_tell_document_position_and_text_apart():
    """
    The id of a passage is the same in every run, and differs where document, place or text do.
    """
    twice = document((SENTENCE * 2,), (SENTENCE * 2,))
    elsewhere = document((SENTENCE * 2,), name="other.md")
    found = [*split_document(twice), *split_document(elsewhere)]

    assert len({passage.id for passage in found}) == 3
    assert found[0].id == "1a25c12e2cc260f1"
    assert split_document(twice) == split_document(twice)


def test_a_target_below_the_smallest_section_is_refused():
    """
    A mistaken setting is an error with the least that is possible.
    """
    with pytest.raises(ConfigurationError, match="80 or more"):
        split_document(document(), target_chars=79)


paragraph = st.text(alphabet='abcXYZ  .!?,)"\u3002\u8336', max_size=400) | st.sampled_from(["Label", SENTENCE])


@given(
    st.lists(st.lists(paragraph, max_size=8).map(tuple), max_size=4),
    st.integers(min_value=80, max_value=300),
)
def test_nothing_is_lost_and_the_order_is_kept(sections, target):
    """
    The passages hold every letter of the sections that say something, in order, in pieces within the bounds.
    """
    for section in sections:
        parts = [part.strip() for part in section]
        size = sum(map(len, parts))
        found = texts(section, target_chars=target)

        assert letters(found) == letters(parts if size >= 80 or any(map(has_sentence, parts)) else [])
        assert all(text == text.strip() and min(40, size) <= len(text) <= 2 * (target + 40 + 2) for text in found)
    assert texts(*sections, target_chars=target) == [
        text for section in sections for text in texts(section, target_chars=target)
    ]
