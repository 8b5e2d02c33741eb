"""Tokenizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from budwood.types import ChatRequest, TokenCount


class Tokenizer(Protocol):
    """Counts tokens on this machine as a model's vendor does. May be called from several threads."""

    def count(self, request: ChatRequest) -> TokenCount | None:
        """
        Count the input tokens of a request, or None where it does not know the model.

        Raises:
            ConfigurationError: Its vocabulary is not on this machine; the hint says how to get it.
        """
        ...
