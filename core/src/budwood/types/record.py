"""The base class of records."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, JsonValue

JSON = JsonValue
"""Any value that JSON can express."""

MAX_REPR_BYTES: Final = 40
"""How many bytes of content a repr shows."""


class Record(BaseModel):
    """
    A frozen Pydantic model that refuses unknown fields. Its repr leaves out fields that have their default.

    Its validator is built at first use: most programs need only a few of the records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        fields = type(self).model_fields
        for name, value in super().__repr_args__():
            default = fields[name].get_default(call_default_factory=True, validated_data={}) if name in fields else None
            if value is not None and value != default:
                yield name, value

    def __str__(self) -> str:
        return repr(self)


def short_repr(record: object) -> str:
    """Return the repr of a dataclass without the fields that are None or have their default, and without contents."""
    fields: Iterable[dataclasses.Field[Any]] = dataclasses.fields(record)  # type: ignore[arg-type]
    values = [(field, getattr(record, field.name)) for field in fields if field.repr]
    known = ((field.name, value) for field, value in values if value is not None and value != _default(field))
    shown = ", ".join(f"{name}={_short_value(value)}" for name, value in known)
    return f"{type(record).__name__}({shown})"


def _default(field: dataclasses.Field[Any]) -> object:
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def _short_value(value: object) -> str:
    if isinstance(value, bytes) and len(value) > MAX_REPR_BYTES:
        return f"<{len(value):,} bytes>"
    return repr(value)
