"""Convert a stream of tokens to text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_UNREADABLE: Final = "\ufffd"
"""The replacement character, which decoders return for invalid or incomplete bytes."""


class Detokenizer:
    """
    Converts tokens to text one by one. The joined result equals decoding all tokens at once.

    Each step decodes only the last tokens, with some earlier ones as context, since many tokenizers decode a word
    differently at the start of a text. A character whose bytes span several tokens is returned when it is complete.

    Args:
        decode: The function that decodes a list of tokens.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._window: list[int] = []
        self._context = 0
        self._returned = ""

    def add(self, token: int) -> str:
        """Return the text that the token completes; often none."""
        self._window.append(token)
        text = self._decode(self._window)
        complete = text.rstrip(_UNREADABLE)
        new_text = complete[len(self._returned) :]
        if complete == text and new_text:
            self._window = self._window[self._context :]
            self._context = len(self._window)
            self._returned = self._decode(self._window)
        else:
            self._returned += new_text
        return new_text

    def close(self) -> str:
        """Return the remaining text."""
        return self._decode(self._window)[len(self._returned) :] if self._window else ""
