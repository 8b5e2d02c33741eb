"""Tokens are estimated without a tokenizer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from budwood.providing import estimate_tokens
from budwood.types import ImagePart, Message


def test_english_prose_is_about_right():
    """
    A sentence of ten tokens is estimated within a half.
    """
    assert 7 <= estimate_tokens([Message.user("The quick brown fox jumps over the lazy dog.")]) <= 20


def test_no_messages_are_no_tokens():
    """
    Nothing costs nothing.
    """
    assert estimate_tokens([]) == 0


@given(st.lists(st.text(), max_size=5), st.text(min_size=8))
def test_more_text_is_more_tokens(texts, more):
    """
    An estimate grows with every message and with its length.
    """
    messages = [Message.user(text) for text in texts]

    assert (
        estimate_tokens([*messages, Message.user(more)])
        > estimate_tokens([*messages, Message.user("")])
        > (estimate_tokens(messages))
    )


def test_images_count_as_their_message_alone():
    """
    What is no text is not guessed at.
    """
    image = Message(role="user", parts=(ImagePart(url="https://vendor.example/a.png"),))

    assert estimate_tokens([image]) == estimate_tokens([Message.user("")])
