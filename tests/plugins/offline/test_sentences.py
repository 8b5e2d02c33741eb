from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.sentences import normalise, split_sentences


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
        "The glob `docs. Or` stays whole. It does.",
        "It belongs to Budwood Inc. The rest is free.",
        "The hooks are described first. pluggy calls them.",
        "He waited ... and went on. It rained.",
        "What?! Nobody knew.",
        "今日は雨です。明日は晴れます。",
        "यह एक वाक्य है। यह दूसरा है।",
        "هل هذا سؤال؟ نعم.",
    ],
)
def test_two_sentences_are_two(text):
    """
    Full stops inside abbreviations, versions, names and code end no sentence; those of any script do.
    """
    assert len(split_sentences(text)) == 2


def test_lines_of_lists_headings_forms_and_tables_stand_alone():
    """
    What Markdown sets on lines of its own is never glued to its neighbours, with or without a full stop.
    """
    text = "# Title\n\n- first item\n- second item\n1. numbered\n\nName: Ada\nAge: 36\n\n| a | b |\n| c | d |\n"

    assert split_sentences(text) == [
        "# Title",
        "- first item",
        "- second item",
        "1. numbered",
        "Name: Ada",
        "Age: 36",
        "| a | b |",
        "| c | d |",
    ]


def test_a_wrapped_paragraph_is_read_across_its_lines():
    """
    A line break in the middle of a sentence is white space.
    """
    text = "A sentence that the author has wrapped at some column of the\npage goes on there. The next follows."

    assert split_sentences(text)[0] == (
        "A sentence that the author has wrapped at some column of the page goes on there."
    )


def test_fenced_code_is_one_piece_even_when_the_text_begins_inside_it():
    """
    Code is not split at its dots, and a passage cut out of the middle of code does not swallow the prose behind it.
    """
    assert split_sentences("Do this.\n\n```python\na. b\nC. d\n```\nThen that.") == [
        "Do this.",
        "```python a. b C. d ```",
        "Then that.",
    ]
    assert split_sentences("let x = 1;\n```\n\nProse goes on. It does.")[-2:] == ["Prose goes on.", "It does."]


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
    whole, place = normalise(text), 0
    for sentence in split_sentences(text):
        place = whole.index(sentence, place) + len(sentence)
