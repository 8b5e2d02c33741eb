"""Prompts of Budwood: templates with declared variables, from files or a server."""

from budwood_prompts.errors import (
    InvalidPromptError,
    PromptNotFoundError,
    PromptServerError,
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
    "PromptServerError",
    "RenderError",
    "Variable",
    "VariableError",
    "diff_prompts",
    "format_prompt",
    "parse_prompt",
    "parse_reference",
    "read_prompt",
]
