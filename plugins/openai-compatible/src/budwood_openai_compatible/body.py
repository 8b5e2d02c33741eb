"""The body of a request, before it is serialized."""

from __future__ import annotations

from typing import Any, NamedTuple

from budwood.types import Adaptation


class Body(NamedTuple):
    """The fields of a request body, and the adaptations of parameters that are not sent as given."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()
