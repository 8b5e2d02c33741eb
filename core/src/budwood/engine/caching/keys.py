"""The keys of requests: equal requests to equal endpoints have equal keys."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json

from budwood.plugins import faults
from budwood.types import JSON
from budwood.types.media import BY_DIGEST

FORMAT: Final = b"budwood-request-3\n"
"""Change it whenever the same request gets another content in JSON."""


def key_of(namespace: str, endpoint: str, service: str, request: Any, sample: int | None = None) -> str:  # noqa: ANN401 - each service has requests of its own
    """
    Return the key of a request.

    It is the namespace, a colon, and a hash of canonical JSON. Fields have the order of the model; objects within
    ``extra`` are sorted. Schemas of tools and of the output keep their order: models write properties in the order of
    the schema. Images and files count by their content.

    Args:
        namespace: The namespace of the call.
        endpoint: The identity of the endpoint; see `Endpoint.cache_identity`.
        service: The name of the service.
        request: The request, adapted to the endpoint.
        sample: The number of the sample, for equal requests that need different replies.

    Raises:
        PromptError: The request contains text that cannot be encoded, or a file that cannot be read.
    """
    ordered = request.model_copy(update={"extra": _sort(request.extra)}) if request.extra else request
    try:
        content = to_json(ordered, exclude_none=True, context=BY_DIGEST)
        parts = [FORMAT, endpoint.encode(), b"\n", service.encode(), b"\n", content]
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        _check_files(request)
        raise faults.text_error(error) from error
    if sample is not None:
        parts.append(b"\nsample %d" % sample)
    return f"{namespace}:{hashlib.sha256(b''.join(parts)).hexdigest()}"


def _check_files(request: object) -> None:
    """
    Check that the files of a request can be read.

    Raises:
        PromptError: One cannot.
    """
    from budwood.engine.chat.files import digest_of  # only errors need it
    from budwood.providing import find_media

    for part in find_media(request):
        if part.path is not None:
            digest_of(part)


def _sort(value: JSON, name: str = "") -> JSON:
    """Sort objects at any depth, but not the properties of a schema."""
    if isinstance(value, list):
        return [_sort(item) for item in value]
    if not isinstance(value, dict):
        return value
    pairs = value.items() if name == "properties" else sorted(value.items())
    return {key: _sort(inner, key) for key, inner in pairs}
