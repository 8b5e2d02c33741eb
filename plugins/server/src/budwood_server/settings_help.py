"""Where the settings of a section are described, also without the guides."""

from __future__ import annotations

import re
from typing import Final, get_args

from pydantic import BaseModel

_FIRST_NAME: Final = re.compile(r"'(\w+)")


def describe_help(settings: type[BaseModel], message: str) -> str:
    """
    Return how to read which settings there are.

    Args:
        settings: The model of all settings of the server.
        message: The error of `budwood.settings.validate_settings`, which quotes the path of a setting.
    """
    found = _FIRST_NAME.search(message)
    field = settings.model_fields.get(found[1]) if found is not None else None
    section = settings if field is None else _find_model(field.annotation) or settings
    return f"The settings are described by: python -m pydoc {section.__module__}.{section.__qualname__}"


def _find_model(annotation: object) -> type[BaseModel] | None:
    """Return the model in an annotation, such as that of the values of a dictionary."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _find_model(part)) is not None), None)
