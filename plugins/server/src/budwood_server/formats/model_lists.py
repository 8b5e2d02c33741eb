"""
Lists of models in the forms of OpenAI and Anthropic.

Sources: OpenAI's API description, ``Model`` and ``ListModelsResponse``; Anthropic's, ``ModelInfo`` and its pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from budwood_server.web.problems import reject

CREATED: Final = 0
"""The time of creation, in seconds since 1970, which is not known."""

_CREATED_AT: Final = "1970-01-01T00:00:00Z"
_DEFAULT_LIMIT: Final = 20
_MAX_LIMIT: Final = 1000


def encode_openai_model(name: str, owner: str) -> dict[str, Any]:
    """Return a model in OpenAI's form; the owner is the provider."""
    return {"id": name, "object": "model", "created": CREATED, "owned_by": owner}


def encode_openai_list(models: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return models, by name and owner, in OpenAI's form, which has no pages."""
    return {"object": "list", "data": [encode_openai_model(name, owner) for name, owner in models]}


def encode_anthropic_model(name: str) -> dict[str, Any]:
    """Return a model in Anthropic's form."""
    return {"type": "model", "id": name, "display_name": name, "created_at": _CREATED_AT}


def encode_anthropic_page(names: Sequence[str], query: Mapping[str, str]) -> dict[str, Any]:
    """
    Return a page of models in Anthropic's form.

    Args:
        names: All names.
        query: Has ``limit``, and ``after_id`` or ``before_id`` if it is not the first page.

    Raises:
        ProblemError: The limit is not valid.
    """
    limit = query.get("limit", str(_DEFAULT_LIMIT))
    if not limit.isdecimal() or not 1 <= int(limit) <= _MAX_LIMIT:
        raise reject(f"The parameter 'limit' must be a number from 1 to {_MAX_LIMIT}.", param="limit")
    start, end = _find(names, query.get("after_id")) + 1, len(names)
    if before := query.get("before_id"):
        end = max(_find(names, before), 0)
        start = max(end - int(limit), start)
        has_more = start > 0
    else:
        has_more = start + int(limit) < end
        end = min(start + int(limit), end)
    page = names[start:end]
    return {
        "data": [encode_anthropic_model(name) for name in page],
        "first_id": page[0] if page else None,
        "last_id": page[-1] if page else None,
        "has_more": has_more,
    }


def _find(names: Sequence[str], name: str | None) -> int:
    """Return the index of a name; -1 if there is none."""
    return names.index(name) if name in names else -1
