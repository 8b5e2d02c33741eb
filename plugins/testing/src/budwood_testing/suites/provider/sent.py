"""Look into what a provider sends, whatever form it gives it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from pydantic_core import from_json

from budwood.types import HTTPCall
from budwood.wire.uploads import read_body


def values_in(call: HTTPCall) -> Iterator[object]:
    """Yield every key and every value of the body's JSON, in their order; a body that is none is one text."""
    try:
        body = from_json(read_body(call.body))
    except ValueError:
        body = read_body(call.body).decode("utf-8", "replace")
    yield from _leaves(body)


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
    """Whether a text is sent, by itself or in a longer one."""
    return any(text in sent for sent in texts_in(call))


def holds_value(call: HTTPCall, value: object) -> bool:
    """Whether a value is sent, whatever its name there. A tuple is sent as a list, a list of one perhaps bare."""
    wanted = list(value) if isinstance(value, tuple) else value
    bare = wanted[0] if isinstance(wanted, list) and len(wanted) == 1 else wanted
    return any(type(sent) is type(one) and sent == one for sent in values_in(call) for one in (wanted, bare))


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
