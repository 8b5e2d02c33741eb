"""
Parse parts with media in the forms of vendors.

Sources: ``ChatCompletionRequestUserMessageContentPart`` in the description of Chat Completions, ``InputContent`` in
that of Responses, ``ImageBlockParam`` and ``DocumentBlockParam`` in that of the Messages API. ``video_url``,
``audio_url`` and ``document_url`` are additions of other services in the form of ``image_url``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from budwood.engine.chat.dictionary_fields import (
    CACHE_CONTROL,
    UnknownFormError,
    get_field,
    get_text,
    raise_wrong_type,
    reject_unknown,
)
from budwood.providing import PARTS, media_kind, normalise_media_type
from budwood.types import AnyMedia, AudioPart, DocumentPart, ImagePart, VideoPart

_URLS: Final[Mapping[str, type[AnyMedia]]] = {
    "image_url": ImagePart,
    "audio_url": AudioPart,
    "video_url": VideoPart,
    "document_url": DocumentPart,
}
"""Types of parts that hold a URL under the same name."""


def parse_media(source: Mapping[str, Any]) -> AnyMedia:
    """
    Parse a part whose ``type`` is one of `MEDIA_FORMS`.

    Raises:
        UnknownFormError: A field is missing, unknown or of a wrong type.
    """
    return MEDIA_FORMS[source["type"]](source)


def _parse_url(source: Mapping[str, Any]) -> AnyMedia:
    """Parse a part with a URL. It is inside an object, or replaces the object."""
    name = source["type"]
    kind = _URLS[name]
    own = {"detail"} if kind is ImagePart else set()
    reject_unknown(source, frozenset({"type", name, "document_name", CACHE_CONTROL} | own))
    value = get_field(source, name)
    if isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, Mapping):
        raise_wrong_type(name, value, "a dictionary with a url")
    reject_unknown(value, frozenset({"url"} | own))
    url, title = get_text(value, "url"), source.get("document_name")
    if kind is ImagePart:
        return ImagePart(url=url, name=title, detail=value.get("detail") or source.get("detail"))
    return kind(url=url, name=title)


def _parse_input_image(source: Mapping[str, Any]) -> AnyMedia:
    if not source.get("file_id"):
        return _parse_url({**{key: value for key, value in source.items() if key != "file_id"}, "type": "image_url"})
    reject_unknown(source, frozenset({"type", "file_id", "detail", CACHE_CONTROL}))
    return ImagePart(file_id=get_text(source, "file_id"), detail=source.get("detail"))


def _parse_input_audio(source: Mapping[str, Any]) -> AnyMedia:
    """Parse audio in base64. Some services have a text in place of the object."""
    reject_unknown(source, frozenset({"type", "input_audio", CACHE_CONTROL}))
    value = get_field(source, "input_audio")
    if isinstance(value, str):
        if "://" in value[:10] or value.startswith("data:"):
            return AudioPart(url=value)
        return AudioPart(data=_decode("input_audio", value))
    if not isinstance(value, Mapping):
        raise_wrong_type("input_audio", value, "a dictionary with data and format")
    reject_unknown(value, frozenset({"data", "format"}))
    media_type = normalise_media_type(f"audio/{get_text(value, 'format')}")
    return AudioPart(data=_decode("data", get_text(value, "data")), media_type=media_type)


def _parse_file(source: Mapping[str, Any]) -> AnyMedia:
    reject_unknown(source, frozenset({"type", "file", CACHE_CONTROL}))
    value = get_field(source, "file")
    if not isinstance(value, Mapping):
        raise_wrong_type("file", value, "a dictionary with file_data or file_id")
    return _make_file(value)


def _parse_input_file(source: Mapping[str, Any]) -> AnyMedia:
    return _make_file({key: value for key, value in source.items() if key not in ("type", "detail", CACHE_CONTROL)})


def _make_file(source: Mapping[str, Any]) -> AnyMedia:
    """Parse a file: an id, a URL, or a data URL, whose media type is that of the part."""
    reject_unknown(source, frozenset({"file_id", "file_data", "file_url", "filename"}))
    name = source.get("filename")
    if source.get("file_id"):
        return DocumentPart(file_id=get_text(source, "file_id"), name=name)
    if source.get("file_url"):
        return DocumentPart(url=get_text(source, "file_url"), name=name)
    head, comma, content = get_text(source, "file_data").rpartition(",")
    media_type = normalise_media_type(head.removeprefix("data:")) if comma else ""
    kind = PARTS[media_kind(media_type) or "document"]
    return kind(data=_decode("file_data", content), media_type=media_type or None, name=name)


def _parse_block(source: Mapping[str, Any]) -> AnyMedia:
    """Parse a block of the Messages API, whose ``source`` is base64, a text, a URL or a file."""
    kind: type[AnyMedia] = ImagePart if source["type"] == "image" else DocumentPart
    reject_unknown(source, frozenset({"type", "source", "title", CACHE_CONTROL}))
    content = get_field(source, "source")
    if not isinstance(content, Mapping):
        raise_wrong_type("source", content, "a dictionary")
    name = source.get("title")
    match content.get("type"):
        case "base64":
            data = _decode("data", get_text(content, "data"))
            return kind(data=data, media_type=get_text(content, "media_type"), name=name)
        case "text":
            return kind(data=get_text(content, "data").encode(), media_type="text/plain", name=name)
        case "url":
            return kind(url=get_text(content, "url"), name=name)
        case "file":
            return kind(file_id=get_text(content, "file_id"), name=name)
        case other:
            raise UnknownFormError(f"a source of the type {other!r} is not supported", "Use base64, text, url or file.")


def _decode(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise UnknownFormError(f"{name} is not valid base64") from None


MEDIA_FORMS: Final[Mapping[str, Callable[[Mapping[str, Any]], AnyMedia]]] = {
    **dict.fromkeys(_URLS, _parse_url),
    "input_image": _parse_input_image,
    "input_audio": _parse_input_audio,
    "file": _parse_file,
    "input_file": _parse_input_file,
    "image": _parse_block,
    "document": _parse_block,
}
"""The parser of each type of a part."""
