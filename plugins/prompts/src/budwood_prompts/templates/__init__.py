"""The language of templates: a part of Jinja2's, whose rendering is bounded."""

from budwood_prompts.templates.meter import MAX_OUTPUT, MAX_STEPS, Meter
from budwood_prompts.templates.syntax import MAX_TEMPLATE, Template, parse_template

__all__ = ["MAX_OUTPUT", "MAX_STEPS", "MAX_TEMPLATE", "Meter", "Template", "parse_template"]
