"""Tokens to text, as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_UNREADABLE: Final = "\ufffd"
"""What decoders write for bytes that are no character, or not yet one."""


class Detokenizer:
    """
    Turns tokens into text one by one; all pieces together are what all tokens decode to at once.

    Only the last tokens are decoded each time, with some before them as context: many tokenizers write a word
    differently at the beginning of a text. A character whose bytes are spread over tokens is held back until it is
    complete.

    Args:
        decode: Decodes a list of tokens.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._context = 0
        self._shown = ""

    def add(self, token: int) -> str:
        """Return the text that the token completes; often none."""
        self._window.append(token)
        text = self._decode(self._window)
        settled = text.rstrip(_UNREADABLE)
        piece = settled[len(self._shown) :]
        if settled == text and piece:
            self._window = self._window[self._context :]
            self._context = len(self._window)
            self._shown = self._decode(self._window)
        else:
            self._shown += piece
        return piece

    def close(self) -> str:
        """Return what was held back."""
        return self._decode(self._window)[len(self._shown) :] if self._window else ""
