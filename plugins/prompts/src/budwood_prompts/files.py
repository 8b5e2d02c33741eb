"""
Prompts as TOML: one file for each.

The settings and specifications of Budwood are TOML, and Python reads it without a further package. Its types are those
of variables, and ``'''`` holds a template of several lines without escapes.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

from budwood_prompts.errors import InvalidPromptError
from budwood_prompts.prompt import Prompt, Variable, read_prompt
from budwood_prompts.templates import MAX_TEMPLATE

SUFFIX: Final = ".toml"
MAX_FILE: Final = 10 * MAX_TEMPLATE
"""The maximum size of a file in bytes."""

_NOT_LITERAL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def parse_prompt(text: str, name: str, *, where: str) -> Prompt:
    """
    Read a prompt from TOML.

    Args:
        text: The TOML.
        name: The name of the prompt, which is that of the file.
        where: The file, for errors.

    Raises:
        InvalidPromptError: It is not valid.
    """
    try:
        fields = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidPromptError(f"{where} is not valid TOML: {error}.") from None
    if "name" in fields:
        raise InvalidPromptError(f"{where}: remove `name`: the name of a prompt is that of its file.")
    return read_prompt({**fields, "name": name}, where=where)


def read_prompt_file(path: Path) -> Prompt:
    """
    Read the prompt of a file, whose name without ``.toml`` is the name of the prompt.

    Raises:
        InvalidPromptError: It is not valid.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise InvalidPromptError(f"{path} is larger than {MAX_FILE:,} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidPromptError(f"{path} is not UTF-8 text.") from None
    return parse_prompt(text.replace("\r\n", "\n"), path.name.removesuffix(SUFFIX), where=str(path))


def format_prompt(prompt: Prompt) -> str:
    """Return a prompt as the TOML of its file."""
    return "\n".join(_format_lines(prompt))


def diff_prompts(old: Prompt, new: Prompt, *, old_title: str, new_title: str) -> str:
    """Return how the files of two prompts differ, as a unified diff. It is empty if they do not."""
    before, after = (format_prompt(prompt).splitlines() for prompt in (old, new))
    return "".join(f"{line}\n" for line in unified_diff(before, after, old_title, new_title, lineterm=""))


def _format_lines(prompt: Prompt) -> Iterator[str]:
    if prompt.description:
        yield f"description = {_format_text(prompt.description)}\n"
    for name, variable in prompt.variables.items():
        yield from (f"[variables.{name}]", *_format_variable(variable), "")
    for message in prompt.messages:
        yield from ("[[messages]]", f'role = "{message.role}"', f"content = {_format_content(message.content)}", "")


def _format_variable(variable: Variable) -> Iterator[str]:
    yield f'type = "{variable.type}"'
    if variable.description:
        yield f"description = {_format_text(variable.description)}"
    if variable.default is not None:
        yield f"default = {_format_value(variable.default)}"
    if variable.required is not None:
        yield f"required = {_format_value(variable.required)}"


def _format_value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_format_value, value))}]"
    return _format_text(value) if isinstance(value, str) else json.dumps(value)


def _format_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # TOML's basic strings escape it too


def _format_content(text: str) -> str:
    """Return a text as TOML; one of several lines as a literal of several lines if that can hold it."""
    if "\n" not in text or "'''" in text or text.endswith("'") or _NOT_LITERAL.search(text):
        return _format_text(text)
    return f"'''\n{text}'''"
