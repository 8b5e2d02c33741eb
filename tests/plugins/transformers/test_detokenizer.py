from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood_transformers.detokenizer import Detokenizer
from tests.tiny_model import tiny_tokenizer

TOKENIZER = tiny_tokenizer(("word", " word"))
tokens = st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=40)


def decode(tokens):
    """Decode as the plugin does for plain text."""
    return TOKENIZER.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)


@given(tokens)
def test_joined_text_equals_decoding_at_once(tokens):
    """
    For any tokens, including invalid UTF-8, streaming gives the same text as decoding all at once.
    """
    detokenizer = Detokenizer(decode)

    assert "".join(map(detokenizer.add, tokens)) + detokenizer.close() == decode(tokens)


@given(st.text(max_size=30))
def test_characters_are_complete(text):
    """
    No chunk has an incomplete character.
    """
    detokenizer = Detokenizer(decode)
    tokens = TOKENIZER.encode(text.replace("\ufffd", ""), add_special_tokens=False)

    assert not any("\ufffd" in detokenizer.add(token) for token in tokens)


def test_spaces_between_words_are_preserved():
    """
    A tokenizer that removes the space at the start of a text does not affect other spaces.
    """
    words = ["▁Hello", "▁big", "▁world", "!"]

    def decode_words(tokens):
        return "".join(words[token] for token in tokens).replace("▁", " ").removeprefix(" ")

    detokenizer = Detokenizer(decode_words)

    assert [detokenizer.add(token) for token in range(4)] == ["Hello", " big", " world", "!"]


@pytest.mark.parametrize("length", [10, 200])
def test_only_the_last_tokens_are_decoded(length):
    """
    The work per token does not depend on the length of the reply.
    """
    decoded = []

    def decode_letters(tokens):
        decoded.append(len(tokens))
        return "x" * len(tokens)

    detokenizer = Detokenizer(decode_letters)
    for token in range(length):
        detokenizer.add(token)

    assert max(decoded) <= 3
