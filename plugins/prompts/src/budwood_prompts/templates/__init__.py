"""The language of templates: a part of Jinja2's, whose rendering is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budwood_prompts.templates.meter import MAX_OUTPUT, MAX_STEPS, MAX_TEMPLATE, Meter

if TYPE_CHECKING:
    from budwood_prompts.templates.syntax import Template, parse_template

__all__ = ["MAX_OUTPUT", "MAX_STEPS", "MAX_TEMPLATE", "Meter", "Template", "parse_template"]


def __getattr__(name: str) -> object:
    """Import the parser, and Jinja2 with it, at its first use."""
    if name not in ("Template", "parse_template"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from budwood_prompts.templates import syntax

    return getattr(syntax, name)
