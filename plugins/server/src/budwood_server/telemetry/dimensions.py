"""What calls are grouped and filtered by, under the names of the API, and where the usage store has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from budwood.contracts.tags import is_tag_name
from budwood.contracts.usage import TAG_GROUP
from budwood_server.web.problems import reject

TAGS: Final = ("key", "team", "model", "user", "client", "prompt")
"""What the gateway stores as tags: the id of the key, its team, the name of the model that was requested, and so on."""

DIMENSIONS: Final = {
    **{name: f"{TAG_GROUP}{name}" for name in TAGS},
    "provider": "provider",
    "vendor_model": "model",
    "vendor_key": "key",
    "label": "label",
    "service": "service",
    "error": "error",
    "hour": "hour",
    "day": "day",
}
"""The groups of the usage store by their names in the API. Hours and days are those of UTC."""

MAX_GROUPED: Final = 5
"""The number of dimensions by which calls can be grouped at once."""


def read_dimensions(names: Iterable[str]) -> Sequence[str]:
    """
    Return dimensions without repetitions.

    Args:
        names: Each has one dimension, or several with commas between them.

    Raises:
        ProblemError: One does not exist, or there are too many.
    """
    found = tuple(dict.fromkeys(name.strip() for text in names for name in text.split(",")))
    if len(found) > MAX_GROUPED:
        raise reject(f"Calls can be grouped by {MAX_GROUPED} dimensions at once; got {len(found)}.", param="by")
    for name in found:
        if name not in DIMENSIONS and not is_tag_name(_tag_of(name)):
            hint = f"Group by some of {', '.join(DIMENSIONS)}, or by {TAG_GROUP}NAME."
            raise reject(f"Calls cannot be grouped by {name[:80]!r}.", param="by", hint=hint)
    return found


def to_stored(dimension: str) -> str:
    """Return the group of the usage store for a dimension of `read_dimensions`."""
    return DIMENSIONS.get(dimension, dimension)


def _tag_of(name: str) -> str | None:
    """Return the name of the tag in ``tag:NAME``; None for other texts."""
    return name.removeprefix(TAG_GROUP) if name.startswith(TAG_GROUP) else None
