"""Search an encoded request, whatever the vendor's format."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from budwood.types import HTTPCall
from budwood.wire.uploads import read_body


def values_in(call: HTTPCall) -> Iterator[object]:
    """Yield all keys and values of a JSON body, in order; another body is yielded as one text."""
    yield from _leaves(_body(call))


def _leaves(value: Any) -> Iterator[object]:  # noqa: ANN401 - any JSON
    yield value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def texts_in(call: HTTPCall) -> list[str]:
    """Return the strings of the body, then the URL."""
    return [*(value for value in values_in(call) if isinstance(value, str)), unquote(call.url)]


def holds_text(call: HTTPCall, text: str) -> bool:
    """Return whether a text is sent, alone or as part of another."""
    return any(text in sent for sent in texts_in(call))


def holds_value(call: HTTPCall, value: object) -> bool:
    """Return whether a value is sent, under any name. A tuple may be a list; a list of one may be the item alone."""
    expected = list(value) if isinstance(value, tuple) else value
    bare = expected[0] if isinstance(expected, list) and len(expected) == 1 else expected
    return any(type(sent) is type(one) and sent == one for sent in values_in(call) for one in (expected, bare))


def holds_bytes(call: HTTPCall, data: bytes) -> bool:
    """Return whether bytes are sent, as they are or in base64."""
    encodings = (base64.b64encode(data), base64.urlsafe_b64encode(data))
    body = read_body(call.body)
    return data in body or any(encoded.rstrip(b"=") in body for encoded in encodings)


def everything_in(call: HTTPCall) -> str:
    """Return everything that is sent, and the repr of the call, as one text."""
    headers = "\n".join(f"{name}: {value}" for name, value in call.headers.items())
    return "\n".join(
        (call.method, call.url, unquote(call.url), headers, read_body(call.body).decode("utf-8", "replace"), repr(call))
    )


Leaf = tuple[tuple[str | int, ...], str]
"""The path of a scalar value in a JSON body, and the value as JSON."""


def leaves_in(call: HTTPCall) -> Counter[Leaf]:
    """Count the leaves of a JSON body; another body is a single leaf."""
    return Counter((path, _as_json(value)) for path, value in _walk(_body(call)))


def added(call: HTTPCall, plain: HTTPCall) -> list[Leaf]:
    """Return the leaves that the first call has and the second does not."""
    return sorted((leaves_in(call) - leaves_in(plain)).elements(), key=str)


def adds_value(call: HTTPCall, plain: HTTPCall, value: object) -> bool:
    """Return whether a call adds a value, or each of several, to another call; 1 equals 1.0."""
    values = value if isinstance(value, tuple) else (value,)
    found = {leaf for _, leaf in added(call, plain)}
    return all(_as_json(one) in found for one in values)


def path_of(call: HTTPCall, plain: HTTPCall, value: object) -> tuple[str, ...] | None:
    """Return the path of keys to a value that a call adds to another; None if it is in a list or not there."""
    for path, leaf in added(call, plain):
        if leaf == _as_json(value) and all(isinstance(step, str) for step in path):
            return tuple(map(str, path))
    return None


def parts_around(call: HTTPCall, markers: Sequence[str]) -> dict[str, set[str]]:
    """
    Collect the texts around each marker, from the largest part of the body that contains no other marker.

    Raises:
        KeyError: A marker is not sent.
    """
    found: dict[str, set[str]] = {}
    _search(_body(call), markers, found)
    return {marker: found[marker] for marker in markers}


def _search(value: Any, markers: Sequence[str], found: dict[str, set[str]]) -> None:  # noqa: ANN401 - any JSON
    texts = {leaf for leaf in _leaves(value) if isinstance(leaf, str)}
    contained = [marker for marker in markers if any(marker in text for text in texts)]
    if len(contained) == 1:
        found.setdefault(contained[0], texts)
    elif contained:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            _search(inner, markers, found)


def _body(call: HTTPCall) -> Any:  # noqa: ANN401 - any JSON
    try:
        return from_json(read_body(call.body))
    except ValueError:
        return read_body(call.body).decode("utf-8", "replace")


def _walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:  # noqa: ANN401 - any JSON
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    else:
        yield path, value
        return
    if not value:
        yield path, value
    for step, inner in steps:
        yield from _walk(inner, (*path, step))


def _as_json(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return to_json(value).decode()
