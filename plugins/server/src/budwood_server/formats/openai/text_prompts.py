"""Read inputs of embeddings and plain completions: texts, or tokens, which depend on the vendor's tokenizer."""

from __future__ import annotations

from typing import Any, NamedTuple

from budwood_server.web.problems import reject


class TextInput(NamedTuple):
    """
    The input of a request.

    Attributes:
        texts: The texts. Tokens are written as numbers: that estimates how many there are.
        is_plain: Whether the texts are the whole input. If not, only a vendor of the same API can take it.
    """

    texts: list[str]
    is_plain: bool


def read_input(value: Any, param: str) -> TextInput:  # noqa: ANN401 - any JSON
    """
    Read a text, a list of texts, a list of tokens, or a list of such lists.

    Raises:
        ProblemError: It is none of them.
    """
    if isinstance(value, str):
        return TextInput([value], is_plain=bool(value))
    if isinstance(value, list) and value:
        if all(isinstance(each, str) for each in value):
            return TextInput(value, is_plain=all(value))
        if all(type(each) is int for each in value):
            return TextInput([_write(value)], is_plain=False)
        if all(isinstance(each, list) and each and all(type(token) is int for token in each) for each in value):
            return TextInput([_write(each) for each in value], is_plain=False)
    raise reject(f"The field {param!r} must be a text, a list of texts, or tokens.", param=param)


def _write(tokens: list[int]) -> str:
    return " ".join(map(str, tokens))
