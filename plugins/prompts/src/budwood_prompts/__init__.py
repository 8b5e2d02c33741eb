"""Prompts of Budwood: templates with declared variables, from files or a server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budwood_prompts.errors import (
        InvalidPromptError,
        PromptNotFoundError,
        RenderError,
        VariableError,
    )
    from budwood_prompts.files import diff_prompts, format_prompt, parse_prompt
    from budwood_prompts.folder import PromptFolder
    from budwood_prompts.prompt import Prompt, PromptMessage, Variable, read_prompt
    from budwood_prompts.references import LABEL_PATTERN, NAME_PATTERN, PromptReference, parse_reference

__all__ = [
    "LABEL_PATTERN",
    "NAME_PATTERN",
    "InvalidPromptError",
    "Prompt",
    "PromptFolder",
    "PromptMessage",
    "PromptNotFoundError",
    "PromptReference",
    "RenderError",
    "Variable",
    "VariableError",
    "diff_prompts",
    "format_prompt",
    "parse_prompt",
    "parse_reference",
    "read_prompt",
]

_HOMES = {
    "errors": ("InvalidPromptError", "PromptNotFoundError", "RenderError", "VariableError"),
    "files": ("diff_prompts", "format_prompt", "parse_prompt"),
    "folder": ("PromptFolder",),
    "prompt": ("Prompt", "PromptMessage", "Variable", "read_prompt"),
    "references": ("LABEL_PATTERN", "NAME_PATTERN", "PromptReference", "parse_reference"),
}
"""The names of each module, which is imported when one is used: ``budwood prompts --help`` needs none."""


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
