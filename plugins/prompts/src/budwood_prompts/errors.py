"""Errors of prompts, in addition to the core's."""

from __future__ import annotations

from budwood.errors import PromptError


class InvalidPromptError(PromptError):
    """A prompt cannot be saved: its file, its variables or its templates are not valid."""


class VariableError(PromptError):
    """
    A value of a variable is missing, unknown, or of another type.

    Attributes:
        variable: The name of the variable.
    """

    def __init__(self, message: str, *, variable: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.variable = variable


class RenderError(PromptError):
    """A template cannot be rendered with these values, or its output or work exceeds the limit."""


class PromptNotFoundError(PromptError):
    """No prompt has this name, or the prompt has no such version or label."""
