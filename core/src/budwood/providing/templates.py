"""Texts with placeholders, for strategies and modifiers of datasets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Self

from pydantic_core import PydanticCustomError, core_schema, to_json

from budwood.errors import ConfigurationError
from budwood.providing.bodies import clip

if TYPE_CHECKING:
    from budwood.types.record import JSON

_TOKENS: Final = re.compile(r"\{\{|\}\}|\{([^{}\n]+)\}|[{}]")
_ESCAPES: Final = {"{{": "{", "}}": "}"}
_LITERAL: Final = "For a literal brace, write {{ or }}"


class PromptTemplate(str):
    """
    A text with placeholders such as ``{topic}``. A literal brace is written ``{{`` or ``}}``.

    It can be the type of a setting; the value is a text.

    Args:
        text: The text.

    Attributes:
        names: The names of the placeholders, each once.

    Raises:
        ValueError: A brace is not part of a placeholder.
    """

    __slots__ = ("_parts", "names")

    names: tuple[str, ...]
    _parts: tuple[tuple[str, str | None], ...]

    def __new__(cls, text: str) -> Self:
        """Parse a text."""
        template = super().__new__(cls, text)
        template._parts = tuple(_parse(text))
        template.names = tuple(dict.fromkeys(name for _, name in template._parts if name is not None))
        return template

    def fill(self, fields: Mapping[str, JSON]) -> str:
        """
        Return the text with values in place of the placeholders. Braces in values are not placeholders.

        Args:
            fields: The values. A value that is not a text is inserted as JSON, null as an empty text.

        Raises:
            ConfigurationError: A placeholder has no field.
        """
        self.check_names(fields)
        return "".join(part if name is None else part + _as_text(fields[name]) for part, name in self._parts)

    def check_names(self, fields: Mapping[str, JSON]) -> None:
        """
        Check that each placeholder has a field.

        Raises:
            ConfigurationError: A placeholder has none.
        """
        unknown = [name for name in self.names if name not in fields]
        if unknown:
            listed = ", ".join(f"{{{name}}}" for name in fields)
            known = f"Known are {listed}." if listed else "The rows have no fields; seeds with fields define some."
            raise ConfigurationError(f"unknown placeholder {{{unknown[0]}}}", hint=f"{known} {_LITERAL}.")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> core_schema.CoreSchema:
        """Return the schema for Pydantic: a text that is parsed."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())

    def __getnewargs__(self) -> tuple[str]:
        """Return the text, to copy and pickle the template."""
        return (str(self),)


def _parse(text: str) -> Iterator[tuple[str, str | None]]:
    """
    Yield pairs of a literal text and the name of the placeholder after it.

    Raises:
        ValueError: A brace is not part of a placeholder.
    """
    literal, position = "", 0
    for token in _TOKENS.finditer(text):
        literal, position = literal + text[position : token.start()], token.end()
        if token[0] in _ESCAPES:
            literal += _ESCAPES[token[0]]
        elif token[1] is None:
            near = clip(text[token.start() :].lstrip(), 20)
            problem = f"the brace at {near!r} is not part of a placeholder. {_LITERAL}"
            raise PydanticCustomError("template", "{problem}", {"problem": problem})
        else:
            yield literal, token[1]
            literal = ""
    yield literal + text[position:], None


def _as_text(value: JSON) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else to_json(value).decode()
