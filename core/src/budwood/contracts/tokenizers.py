"""Tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import ChatRequest, TokenCount


class Tokenizer(Protocol):
    """Counts tokens locally, with the vocabulary of a model's vendor. May be called from several threads."""

    def count(self, request: ChatRequest) -> TokenCount | None:
        """
        Count the input tokens of a request. Returns None for an unknown model.

        Raises:
            ConfigurationError: The vocabulary is not on this machine; the hint says how to get it.
        """
        ...
