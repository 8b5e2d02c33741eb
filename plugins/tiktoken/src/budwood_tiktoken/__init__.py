"""Counts tokens as OpenAI does, on this machine, with OpenAI's own library."""

from collections.abc import Iterable
from typing import Any

from budwood.hooks import TokenizerSpec, hookimpl
from budwood_tiktoken.settings import TiktokenSettings
from budwood_tiktoken.tokenizer import TiktokenTokenizer

__all__ = ["TiktokenSettings", "TiktokenTokenizer", "budwood_tokenizers"]


@hookimpl
def budwood_tokenizers() -> Iterable[TokenizerSpec[Any]]:
    """Describe the tokenizer."""
    return [
        TokenizerSpec(
            name="tiktoken",
            settings=lambda: TiktokenSettings,
            build=TiktokenTokenizer,
            requires_api=(2, 0),
            models=("openai/*", "azure/*"),
            summary="Counts tokens as OpenAI does, on this machine.",
        )
    ]
