from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood_generation.documents import Record, Section, Verbatim, split_document
from budwood_generation.documents.passages import make_passage
from budwood_generation.documents.records import Block
from budwood_generation.documents.sentences import has_sentence

SENTENCE = "The leaves of the tea plant are picked by hand in spring."  # 57 characters


def document(*sections: tuple[Block, ...]) -> list[Section]:
    """Return sections, each with its own heading."""
    return [Section(("Tea", str(number)), blocks) for number, blocks in enumerate(sections)]


def texts(*sections: tuple[Block, ...], target_chars: int = 1200) -> list[str]:
    """Return the texts of the passages of such a document."""
    return [passage.text for passage in split_document(document(*sections), target_chars=target_chars)]


def letters(parts: list[str]) -> str:
    """Join texts, without white space."""
    return "".join("".join(parts).split())


def test_paragraphs_are_joined_up_to_the_target():
    """
    They are joined with a blank line, and not split to fill a passage.
    """
    first, second, third = SENTENCE + " 1.", SENTENCE + " 2.", SENTENCE + " 3."

    assert texts((first, second, third), target_chars=122) == [f"{first}\n\n{second}", third]
    assert texts((first, second, third), target_chars=121) == [first, second, third]


def test_a_passage_is_in_one_section():
    """
    It has the headings of that section.
    """
    found = split_document(document((SENTENCE * 2,), (SENTENCE * 2,)))

    assert [passage.headings for passage in found] == [("Tea", "0"), ("Tea", "1")]


def test_a_long_paragraph_is_split_after_sentences():
    """
    A paragraph longer than twice the target is split near the target; a shorter one is not.
    """
    long = " ".join([SENTENCE] * 10)

    assert texts((long,), target_chars=300) == [long]
    passages = texts((long,), target_chars=200)
    assert " ".join(passages) == long
    assert all(passage.startswith("The") and passage.endswith("spring.") for passage in passages)
    assert [len(passage) for passage in passages] == [173, 173, 231]


def test_abbreviations_do_not_end_a_sentence():
    """
    Text is not split before a lower-case letter.
    """
    long = " ".join(["Green teas, e.g. sencha from Japan, are steamed after picking."] * 10)

    assert all(passage.startswith("Green") for passage in texts((long,), target_chars=100))


def test_chinese_and_japanese_sentences_are_split_without_spaces():
    """
    Their full stop ends a sentence without a space.
    """
    sentence = "\u8336\u306f\u98f2\u307f\u7269\u3067\u3059\u3002"
    passages = texts((sentence * 60,), target_chars=100)

    assert "".join(passages) == sentence * 60
    assert all(passage.endswith("\u3002") for passage in passages)


def test_a_text_without_sentences_is_split_at_spaces_or_anywhere():
    """
    No passage exceeds the limit, and no text is lost.
    """
    with_spaces = "leaf " * 200
    without_spaces = "x" * 1000

    assert all(
        passage.strip("leaf ") == "" and len(passage) <= 200 for passage in texts((with_spaces,), target_chars=100)
    )
    assert letters(texts((with_spaces,), target_chars=100)) == letters([with_spaces])
    assert "".join(texts((without_spaces,), target_chars=100)) == without_spaces


def test_a_fragment_is_joined_to_the_next_paragraph():
    """
    A label is in the passage of the text that it introduces.
    """
    found = texts((SENTENCE * 2, "Green tea", SENTENCE * 2), target_chars=130)

    assert found == [SENTENCE * 2, f"Green tea\n\n{SENTENCE * 2}"]


def test_a_final_fragment_is_joined_to_the_previous_paragraph():
    """
    The last items of a list are not a passage of their own.
    """
    assert texts((SENTENCE * 2, "green", "black"), target_chars=120) == [f"{SENTENCE * 2}\n\ngreen\n\nblack"]


def test_a_long_list_of_labels_is_split():
    """
    Fragments form passages of the target length, or twice that at the end.
    """
    found = texts(tuple(f"label number {i}" for i in range(200)), target_chars=200)

    assert len(found) > 10
    assert all(40 <= len(text) <= 400 for text in found)


def test_a_tiny_section_is_dropped():
    """
    It has less than 80 characters and no sentence. A section with 80 is not dropped.
    """
    assert texts(("x" * 39, "y" * 40)) == []
    assert texts(("x" * 40, "y" * 40)) == ["x" * 40 + "\n\n" + "y" * 40]
    assert texts(()) == texts((" ", " " * 100)) == []


def test_a_short_section_with_a_sentence_is_included():
    """
    Its length does not matter.
    """
    assert texts(("Boil the water first.",), ("See also", "Index")) == ["Boil the water first."]


def test_ids_depend_on_document_position_and_text():
    """
    They are the same in every run.
    """
    first, second = split_document(document((SENTENCE * 2,), (SENTENCE * 2,)))
    found = [
        make_passage("tea.md", 0, first),
        make_passage("tea.md", 1, second),
        make_passage("other.md", 0, first),
    ]

    assert len({passage.id for passage in found}) == 3
    assert found[0].id == "1a25c12e2cc260f1"
    assert (found[0].document, found[0].headings, found[0].text) == ("tea.md", ("Tea", "0"), SENTENCE * 2)


def test_a_small_target_is_rejected():
    """
    The error names the minimum.
    """
    with pytest.raises(ConfigurationError, match="80 or more"):
        split_document(document(), target_chars=79)


def code(*lines: str) -> Verbatim:
    """Return a code block."""
    return Verbatim("\n".join(lines), "```c", "```")


def test_code_is_with_the_paragraph_before_it():
    """
    Up to twice the target; otherwise it is a passage of its own.
    """
    example = code("pour(tea);")

    assert texts((SENTENCE * 2, SENTENCE * 2, example, SENTENCE * 2), target_chars=120) == [
        SENTENCE * 2,
        f"{SENTENCE * 2}\n\n```c\npour(tea);\n```",
        SENTENCE * 2,
    ]
    assert texts((SENTENCE * 2, code("x" * 200)), target_chars=120) == [SENTENCE * 2, f"```c\n{'x' * 200}\n```"]


def test_a_label_is_with_the_code_that_it_introduces():
    """
    A paragraph without a sentence is not separated from the code after it, nor from the text before it if that fits.
    """
    example = "An example:\n\n```c\npour();\n```"

    assert texts((SENTENCE * 2, "An example:", code("pour();")), target_chars=120) == [f"{SENTENCE * 2}\n\n{example}"]
    assert texts((SENTENCE * 4, "An example:", code("pour();")), target_chars=120) == [SENTENCE * 4, example]


@pytest.mark.parametrize("block", [code(*["pour(tea);"] * 100), code("x" * 1000), code("x" * 150, *["y"] * 90)])
def test_long_code_is_split_between_lines(block):
    """
    Each part has the fence, and no line is lost.
    """
    parts = texts((block,), target_chars=100)

    assert all(part.startswith("```c\n") and part.endswith("\n```") and len(part) <= 200 for part in parts)
    assert letters([part[5:-4] for part in parts]) == letters([block.body])
    if max(map(len, block.body.split("\n"))) < 100:
        assert "\n".join(part[5:-4] for part in parts) == block.body


def test_a_long_table_is_split_between_rows():
    """
    Each part has the header, unless the header is longer than half the target.
    """
    rows = "\n".join(f"| tea {number} |" for number in range(100))
    parts = texts((Verbatim(rows, "| name |\n| --- |"),), target_chars=100)
    long = texts((Verbatim(rows, "| long name |\n| --- |" * 10),), target_chars=100)

    assert all(part.startswith("| name |\n| --- |\n| tea") for part in parts)
    assert sum("long name" in part for part in long) < 4


def test_code_has_no_sentences():
    """
    Nor do tables. Sentences of all paragraphs of a passage are counted.
    """
    example = code("# A comment. Another one.")
    (passage,) = split_document(document((SENTENCE, example, f"{SENTENCE} {SENTENCE}", Verbatim("| A. |"))))

    assert passage.sentences == 3
    assert "Another one." in passage.text


def test_code_can_be_dropped():
    """
    Then passages are those of the document without it.
    """
    with_code = document((SENTENCE * 2, code("pour();"), "Label:"), (code("x" * 100),))

    assert split_document(with_code, code="drop") == split_document(document((SENTENCE * 2, "Label:")))


def test_a_record_is_a_passage():
    """
    It is neither split nor dropped, and has at least one sentence.
    """
    short, long = Record("name: Tea"), Record("text: " + SENTENCE * 100)
    found = split_document([short, long], target_chars=80)

    assert [passage.text for passage in found] == [short.text, long.text]
    assert [passage.headings for passage in found] == [(), ()]
    assert found[0].sentences == 1


paragraph = st.text(alphabet='abcXYZ  .!?,)"\u3002\u8336', max_size=400) | st.sampled_from(["Label", SENTENCE])


@given(
    st.lists(st.lists(paragraph, max_size=8).map(tuple), max_size=4),
    st.integers(min_value=80, max_value=300),
)
def test_no_text_is_lost_or_reordered(sections, target):
    """
    Passages contain every letter of the sections that are not dropped, within the limits.
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
