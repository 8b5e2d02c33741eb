"""
Encode the fields of multipart forms.

Source: OpenAI's API description 2.3.0; lists are named ``name[]`` and objects ``name[key]``, as openai 3.57.0 does.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from budwood.errors import UnsupportedError
from budwood.providing import name_file, sniff_media_type
from budwood.types import AnyMedia, BodyFile
from budwood.wire.multipart import FormField


def encode_fields(values: Mapping[str, Any]) -> Iterator[FormField]:
    """Encode values as fields: lists as several fields, objects by their keys."""
    for name, value in values.items():
        yield from _encode_value(name, value)


def _encode_value(name: str, value: Any) -> Iterator[FormField]:  # noqa: ANN401 - any JSON
    match value:
        case None:
            pass
        case str():
            yield FormField(name, value)
        case list() | tuple():
            for item in value:
                yield from _encode_value(f"{name}[]", item)
        case dict():
            for key, item in value.items():
                yield from _encode_value(f"{name}[{key}]", item)
        case _:
            yield FormField(name, to_json(value).decode())


def encode_plain_fields(values: Mapping[str, Any]) -> Iterator[FormField]:
    """Encode values as fields whose names have no brackets: lists as several fields, and objects as JSON."""
    for name, value in values.items():
        for item in value if isinstance(value, list | tuple) else (value,):
            yield FormField(name, item if isinstance(item, str) else to_json(item).decode())


def encode_file(name: str, part: AnyMedia, *, service: str) -> FormField:
    """
    Encode media as a file of a form. Its name has the extension of its media type.

    Args:
        name: The name of the field.
        part: The media.
        service: What it is for, for the error.

    Raises:
        UnsupportedError: The media are a URL or an id.
    """
    data, media_type = part.data, part.media_type
    if part.url is not None and part.url.startswith("data:"):
        head, _, content = part.url.partition(",")
        data, media_type = base64.b64decode(content), head[len("data:") :].partition(";")[0] or media_type
    if data is None and part.path is None:
        raise UnsupportedError(
            f"The server accepts neither URLs nor ids of files for {service}.",
            hint="Pass the content or the path of the file.",
        )
    media_type = media_type or (sniff_media_type(data) if data is not None else None)
    value = BodyFile(part.path) if part.path is not None and data is None else data or b""
    filename = name_file(part.name or (part.path.name if part.path else None), media_type, default=name)
    return FormField(name, value, filename=filename, content_type=media_type)
