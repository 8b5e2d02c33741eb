"""Checks of the placeholders in the texts of a specification."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel

from budwood.errors import ConfigurationError
from budwood.names import did_you_mean
from budwood.providing import PromptTemplate
from budwood.types.record import JSON


def _check_text(template: PromptTemplate) -> PromptTemplate:
    if not template.strip():
        raise ValueError("the text is empty")
    return template


Template = Annotated[PromptTemplate, AfterValidator(_check_text)]
"""A template that is not blank."""


class KeyedTemplate(NamedTuple):
    """A template, and its key in the specification."""

    key: str
    template: PromptTemplate


def find_templates(key: str, settings: BaseModel) -> Iterator[KeyedTemplate]:
    """Yield the templates among the settings that were set, each with its key."""
    for name in sorted(settings.model_fields_set):
        yield from _walk(f"{key}.{name}", getattr(settings, name))


def _walk(key: str, value: object) -> Iterator[KeyedTemplate]:
    if isinstance(value, PromptTemplate):
        yield KeyedTemplate(key, value)
    elif isinstance(value, list | tuple) and value and isinstance(value[0], PromptTemplate | BaseModel):
        for number, inner in enumerate(value):
            yield from _walk(f"{key}[{number}]", inner)
    elif isinstance(value, BaseModel):
        yield from find_templates(key, value)


def check_placeholders(templates: Iterable[KeyedTemplate], fields: Mapping[str, JSON], file: Path | None) -> None:
    """
    Check that each placeholder has a field.

    Args:
        templates: The templates of the specification and of its plugins.
        fields: The material of a cell.
        file: The file of the specification, whose line the error names.

    Raises:
        ConfigurationError: A placeholder has no field.
    """
    for key, template in templates:
        for name in template.names:
            if name not in fields:
                raise _unknown(key, name, fields, file)


def _unknown(key: str, name: str, fields: Mapping[str, JSON], file: Path | None) -> ConfigurationError:
    line = find_line(file, key, f"{{{name}}}")
    place = f"{file.name}, line {line}: " if file and line else f"{file.name}: " if file else ""
    known = f"The fields are {', '.join(fields)}." if fields else "Seeds with fields define placeholders."
    hint = did_you_mean(name, fields) or known
    return ConfigurationError(
        f"{place}{key}: unknown placeholder {{{name}}}.",
        hint=f"{hint} For a literal brace, write {{{{ or }}}}.",
    )


def find_line(file: Path | None, key: str, part: str = "") -> int | None:
    """
    Return the line of a file in TOML that has a part of the value of a key; None if it is not found.

    Args:
        file: The file.
        key: The key, such as ``row.instruction``; only its last name is searched.
        part: A part of the value.
    """
    try:
        lines = file.read_text("utf-8-sig").split("\n") if file else []
    except (OSError, UnicodeDecodeError):
        return None
    name = re.escape(re.sub(r"\[\d+\]", "", key).rpartition(".")[2])
    starts = [number for number, line in enumerate(lines) if re.search(rf"(?<![\w-]){name}[\"']?\s*=", line)]
    for start, end in pairwise([*starts, len(lines)]):
        for number in range(start, max(end, start + 1)):
            if part in lines[number]:
                return number + 1
    return None
