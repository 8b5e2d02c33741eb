from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood_offline.tokens import count_tokens, split_tokens


def test_words_and_punctuation_are_tokens():
    """
    A word with the space before it is one token, and so is each punctuation mark.
    """
    assert split_tokens("Hello, big world!") == ["Hello", ",", " big", " world", "!"]
    assert count_tokens("Hello, big world!") == 5


def test_each_character_of_a_script_without_spaces_is_a_token():
    """
    A Japanese sentence is streamed by characters.
    """
    assert split_tokens("雨です。") == ["雨", "で", "す", "。"]


@given(st.text())
def test_tokens_join_to_the_text(text):
    """
    Splitting a text into tokens loses and changes nothing.
    """
    assert "".join(split_tokens(text)) == text
    assert len(split_tokens(text)) == count_tokens(text)
