"""A vocabulary for generators that count tokens: tiktoken would download it."""

from __future__ import annotations


def use_packaged_vocabulary() -> None:
    """
    Let tiktoken return the vocabularies that are in the package ``bpe-openai``.
    """
    import bpe_openai
    import tiktoken

    tiktoken.get_encoding = bpe_openai.get_encoding
