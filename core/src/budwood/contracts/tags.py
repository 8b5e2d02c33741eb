"""Tags of calls: dimensions of telemetry, such as the user, the session or the team."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from budwood.errors import ConfigurationError

MAX_TAGS: Final = 16
"""The maximum number of tags of a call."""

MAX_TAG_VALUE: Final = 512
"""The maximum number of characters of a tag's value."""

_NAME: Final = r"[A-Za-z0-9_.-]{1,64}"
_MAX_SHOWN: Final = 80


def is_tag_name(name: object) -> bool:
    """Tell whether a tag can have this name: 1 to 64 ASCII letters, digits, ``_``, ``.`` and ``-``."""
    return isinstance(name, str) and re.fullmatch(_NAME, name) is not None


def parse_tags(tags: object) -> dict[str, str]:
    """
    Check tags, and return a copy of them.

    Raises:
        ConfigurationError: They are not a dictionary, there are more than `MAX_TAGS`, or a name or a value is invalid.
            The message contains no values.
    """
    if not isinstance(tags, Mapping):
        raise ConfigurationError(
            f"tags= must be a dictionary; got {type(tags).__name__}.", hint='Pass one: tags={"user": "ada"}.'
        )
    if len(tags) > MAX_TAGS:
        raise ConfigurationError(f"A call can have {MAX_TAGS} tags; got {len(tags)}.", hint="Pass fewer tags.")
    for name, value in tags.items():
        if not is_tag_name(name):
            raise ConfigurationError(
                f"Invalid name of a tag: {repr(name)[:_MAX_SHOWN]}.",
                hint="A name has 1 to 64 ASCII letters, digits, '_', '.' and '-'.",
            )
        if not isinstance(value, str):
            raise ConfigurationError(
                f"The tag {name!r} must be a text; got {type(value).__name__}.", hint=f"Pass str(…) as {name!r}."
            )
        if len(value) > MAX_TAG_VALUE:
            raise ConfigurationError(
                f"The tag {name!r} has {len(value)} characters, and can have {MAX_TAG_VALUE}.",
                hint="Pass a shorter text, such as an id.",
            )
    return dict(tags)


def merge_tags(defaults: Mapping[str, str] | None, tags: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """
    Return default tags, overridden by others; None without any.

    Raises:
        ConfigurationError: There are more than `MAX_TAGS`.
    """
    if not defaults or not tags:
        return tags or defaults
    return parse_tags({**defaults, **tags})
