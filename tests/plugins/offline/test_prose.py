from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.prose import PROSE, plain, quality, trim


@pytest.mark.parametrize(
    ("sentence", "trimmed"),
    [
        ("- An item.", "An item."),
        ("## 3. Hooks describe", "Hooks describe"),
        ("> - [ ] A task.", "A task."),
        ("| a | b |", "a | b"),
        ("**Files. ", "Files."),
        ("(see above.", "see above."),
        ("`x` is *kept*.", "`x` is *kept*."),
        ("-", "-"),
    ],
)
def test_markers_are_stripped_at_the_ends(sentence, trimmed):
    """
    Markers and marks without a partner go; marks with one stay.
    """
    assert trim(sentence) == trimmed


def test_plain_text_has_no_markdown_but_code():
    """
    Links keep their text, emphasis its words, code its backticks.
    """
    assert plain("- **Read** the [guide](https://x.org/g) on `a_b` and *c* [1].") == "Read the guide on `a_b` and c."


def test_prose_is_rated_above_all_else():
    """
    Only whole sentences are worth a question; code, headings, rows and fragments are worth less.
    """
    assert quality("A refused key is taken out.") == PROSE
    others = [
        "## Keys",
        "| a | b | c | d |",
        "```python x = 1 ```",
        "x[0] = {y: [z], w: {}} // = +;",
        "as follows:",
        "-",
    ]
    assert all(quality(other) < PROSE for other in others)


@given(st.text())
def test_a_trimmed_sentence_is_part_of_the_sentence(text):
    """
    Trimming only cuts ends off.
    """
    assert trim(text) in text
