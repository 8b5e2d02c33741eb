from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.sentences import normalise, split_sentences, strip_markers, strip_markup


@pytest.mark.parametrize(
    "text",
    [
        "It needs Python 3.11 or newer. It runs.",
        "The rows go to qa.jsonl at once. They stay.",
        "Use a store, e.g. SQLite, for that. It is local.",
        "See Fig. 3 for the shape. It is round.",
        "Dr. Ada Lovelace wrote it. It ran.",
        "J. R. R. Tolkien wrote books. Many were read.",
        "The U.S. Senate met. It rose late.",
        "Is it? It is!",
        "He said “Stop.” Then he left.",
        "(This is an aside.) This is not.",
        "**Closing.** Drivers never close it.",
        "He waited ... and went on. It rained.",
        "What?! Nobody knew.",
        "今日は雨です。明日は晴れます。",
        "यह एक वाक्य है। यह दूसरा है।",
        "هل هذا سؤال؟ نعم.",
    ],
)
def test_two_sentences_are_two(text):
    """
    Full stops of abbreviations, versions and initials do not end a sentence; full stops of any script do.
    """
    assert len(split_sentences(text)) == 2


def test_lists_headings_and_tables_are_split_by_lines():
    """
    A line of Markdown that is a block of its own is a sentence, with or without a full stop.
    """
    text = "# Title\n\n- first item\n- second item\n1. Numbered\n\n| a | b |\n| c | d |\n"

    assert split_sentences(text) == (
        "# Title",
        "- first item",
        "- second item",
        "1. Numbered",
        "| a | b |",
        "| c | d |",
    )


def test_a_wrapped_paragraph_is_read_across_its_lines():
    """
    A line break in the middle of a sentence is white space.
    """
    text = "A sentence that the author has wrapped at some column of the\npage goes on there. The next follows."

    assert split_sentences(text)[0] == (
        "A sentence that the author has wrapped at some column of the page goes on there."
    )


def test_fenced_code_is_one_sentence():
    """
    Code is not split at its full stops.
    """
    assert split_sentences("Do this.\n\n```python\na. b\nC. d\n```\nThen that.") == (
        "Do this.",
        "```python a. b C. d ```",
        "Then that.",
    )


@pytest.mark.parametrize(
    ("sentence", "stripped"),
    [
        ("- An item.", "An item."),
        ("## 3. Hooks describe", "Hooks describe"),
        ("> - [ ] A task.", "A task."),
        ("| a | b |", "a | b"),
        ("**Files. ", "Files."),
        ("`x` is *kept*.", "`x` is *kept*."),
        ("-", "-"),
    ],
)
def test_markers_are_removed_at_the_ends(sentence, stripped):
    """
    Markers, and marks without a partner, are removed; marks with a partner are not.
    """
    assert strip_markers(sentence) == stripped


def test_markup_is_removed_except_for_code():
    """
    Links become their text, emphasis is dropped, code keeps its backticks.
    """
    assert strip_markup("- **Read** the [guide](https://x.org/g) on `a_b` and *c*.") == "Read the guide on `a_b` and c."


@given(st.text())
def test_no_character_is_lost(text):
    """
    The sentences together hold every character of the text but white space, in order.
    """
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@given(st.text(alphabet=st.sampled_from("aB. !?\n\"'`*-#|1。)(e.g")))
def test_each_sentence_is_part_of_the_normalised_text(text):
    """
    Each sentence can be found in the normalised text, after the one before it.
    """
    full_text, place = normalise(text), 0
    for sentence in split_sentences(text):
        place = full_text.index(sentence, place) + len(sentence)


@given(st.text())
def test_a_sentence_without_markers_is_part_of_it(text):
    """
    Removing markers only cuts off the ends.
    """
    assert strip_markers(text) in text
