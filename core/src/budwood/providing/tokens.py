"""Estimate tokens without the model's tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from budwood.types import Message, TextPart

CHARACTERS_PER_TOKEN: Final = 4.0
"""English prose has about four characters a token with today's tokenizers; code and other scripts have fewer."""

TOKENS_PER_MESSAGE: Final = 4
"""What the markup around a message costs, roughly."""


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Estimate how many tokens messages are, for plans and previews: it may be off by a half."""
    characters = 0
    count = 0
    for message in messages:
        count += 1
        characters += sum(len(part.text) for part in message.parts if isinstance(part, TextPart))
    return round(characters / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE * count
