from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.counting import count_tokens, pieces


def test_words_and_marks_are_tokens():
    """
    A word with the space before it is one token, and so is each punctuation mark.
    """
    assert pieces("Hello, big world!") == ["Hello", ",", " big", " world", "!"]
    assert count_tokens("Hello, big world!") == 5


def test_each_character_of_a_script_without_spaces_is_a_token():
    """
    A Japanese sentence streams by characters, not in one piece.
    """
    assert pieces("雨です。") == ["雨", "で", "す", "。"]


@given(st.text())
def test_pieces_join_to_the_text(text):
    """
    Nothing is lost or changed by cutting a text into pieces, and their number is the count.
    """
    assert "".join(pieces(text)) == text
    assert len(pieces(text)) == count_tokens(text)
