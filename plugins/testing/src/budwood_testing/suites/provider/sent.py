"""Look into what a provider sends, whatever form it gives it."""

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
    """Yield every key and every value of the body's JSON, in their order; a body that is none is one text."""
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
    """List the texts of the body, then the address."""
    return [*(value for value in values_in(call) if isinstance(value, str)), unquote(call.url)]


def holds_text(call: HTTPCall, text: str) -> bool:
    """Whether a text is sent, alone or in a longer one."""
    return any(text in sent for sent in texts_in(call))


def holds_value(call: HTTPCall, value: object) -> bool:
    """Whether a value is sent, whatever its name there. A tuple is sent as a list, a list of one perhaps bare."""
    expected = list(value) if isinstance(value, tuple) else value
    bare = expected[0] if isinstance(expected, list) and len(expected) == 1 else expected
    return any(type(sent) is type(one) and sent == one for sent in values_in(call) for one in (expected, bare))


def holds_bytes(call: HTTPCall, data: bytes) -> bool:
    """Whether bytes are sent: as they are, or in base64."""
    forms = (base64.b64encode(data), base64.urlsafe_b64encode(data))
    body = read_body(call.body)
    return data in body or any(form.rstrip(b"=") in body for form in forms)


def everything_in(call: HTTPCall) -> str:
    """Return all that is sent, as one text, and what is shown of it."""
    headers = "\n".join(f"{name}: {value}" for name, value in call.headers.items())
    return "\n".join(
        (call.method, call.url, unquote(call.url), headers, read_body(call.body).decode("utf-8", "replace"), repr(call))
    )


Leaf = tuple[tuple[str | int, ...], str]
"""A value of a body that holds no others, as JSON, with the names and numbers that lead to it."""


def leaves_in(call: HTTPCall) -> Counter[Leaf]:
    """Count the leaves of a body's JSON; one that is no JSON is a single leaf."""
    return Counter((way, _written(value)) for way, value in _placed(_body(call)))


def added(call: HTTPCall, plain: HTTPCall) -> list[Leaf]:
    """List the leaves that one call has more than another."""
    return sorted((leaves_in(call) - leaves_in(plain)).elements(), key=str)


def adds_value(call: HTTPCall, plain: HTTPCall, value: object) -> bool:
    """Whether a call holds a value, or each of several, that another one does not; 1 and 1.0 are one value."""
    values = value if isinstance(value, tuple) else (value,)
    found = {leaf for _, leaf in added(call, plain)}
    return all(_written(one) in found for one in values)


def place_of(call: HTTPCall, plain: HTTPCall, value: object) -> tuple[str, ...] | None:
    """Return the names that lead to a value that another call does not have; None where it is in a list, or nowhere."""
    for way, leaf in added(call, plain):
        if leaf == _written(value) and all(isinstance(step, str) for step in way):
            return tuple(map(str, way))
    return None


def parts_around(call: HTTPCall, markers: Sequence[str]) -> dict[str, set[str]]:
    """
    Collect the texts around each marker: those of the largest part of the body that holds no other marker.

    Raises:
        KeyError: A marker is not sent.
    """
    found: dict[str, set[str]] = {}
    _search(_body(call), markers, found)
    return {marker: found[marker] for marker in markers}


def _search(value: Any, markers: Sequence[str], found: dict[str, set[str]]) -> None:  # noqa: ANN401 - any JSON
    texts = {leaf for leaf in _leaves(value) if isinstance(leaf, str)}
    held = [marker for marker in markers if any(marker in text for text in texts)]
    if len(held) == 1:
        found.setdefault(held[0], texts)
    elif held:
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            _search(inner, markers, found)


def _body(call: HTTPCall) -> Any:  # noqa: ANN401 - any JSON
    try:
        return from_json(read_body(call.body))
    except ValueError:
        return read_body(call.body).decode("utf-8", "replace")


def _placed(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:  # noqa: ANN401 - any JSON
    steps: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        steps = value.items()
    elif isinstance(value, list):
        steps = enumerate(value)
    else:
        yield way, value
        return
    if not value:
        yield way, value
    for step, inner in steps:
        yield from _placed(inner, (*way, step))


def _written(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return to_json(value).decode()
