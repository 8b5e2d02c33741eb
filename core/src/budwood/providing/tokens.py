"""Estimate tokens without the model's tokenizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from budwood.errors import PromptError
from budwood.types import ChatRequest, Message, TextPart

CHARACTERS_PER_TOKEN: Final = 4.0
"""English prose has about four characters a token with today's tokenizers; code and other scripts have fewer."""

LEAST_OF_ESTIMATE: Final = 0.5
"""So much of an estimate there is at least."""

TOKENS_PER_MESSAGE: Final = 4
"""What the markup around a message costs, roughly."""


def check_tokens(request: ChatRequest, window: int | None, model: str) -> None:
    """
    See that the messages may fit into the context window.

    The estimate may be off by a half, so only what is too long even then is refused here; the server knows the rest.

    Args:
        request: What is asked.
        window: Tokens of input and output together; None where it is not known.
        model: The model's name, for the error.

    Raises:
        PromptError: They cannot fit. Nothing was sent.
    """
    tokens = estimate_tokens(request.messages)
    if window is not None and tokens * LEAST_OF_ESTIMATE > window:
        raise PromptError(
            f"The messages are about {tokens:,} tokens, and {model} reads {window:,} at most.",
            hint="Shorten them, or ask a model with a larger context window.",
        )


def estimate_tokens(messages: Iterable[Message]) -> int:
    """Estimate how many tokens messages are, for plans and previews: it may be off by a half."""
    characters = 0
    count = 0
    for message in messages:
        count += 1
        characters += sum(len(part.text) for part in message.parts if isinstance(part, TextPart))
    return round(characters / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE * count
