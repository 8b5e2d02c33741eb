"""The types of settings. Variables have texts, which are numbers or truth values for many keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from budwood.errors import BudwoodError
from budwood.hooks import PROVIDER
from budwood.plugins import Instances
from budwood.settings import RootSettings, Settings

if TYPE_CHECKING:
    from budwood_cli.setting_keys import Steps


def convert(value: object, path: Steps, settings: Settings) -> object:
    """Return the number or the truth value that a text in a variable means; any other value as it is."""
    if not isinstance(value, str) or (field := _find_field(path, settings)) is None:
        return value
    try:
        converted = TypeAdapter(field.annotation).validate_python(value)
    except ValidationError:
        return value
    if isinstance(converted, float) and converted.is_integer() and value.isdecimal():
        return int(value)  # as in a file: 7, not 7.0
    return converted if isinstance(converted, bool | int | float) else value


def _find_field(path: Steps, settings: Settings) -> Any:  # noqa: ANN401 - FieldInfo of pydantic
    """Return the field of a key; None if its section has no fields."""
    model: Any = RootSettings
    if path[0] == PROVIDER.section and len(path) > 2:
        try:
            model, path = Instances(settings).spec(PROVIDER, path[1]).settings(), path[2:]
        except BudwoodError:
            return None
    field = None
    for step in path:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return None
        field = model.model_fields.get(step)
        model = None if field is None else field.annotation
    return field
