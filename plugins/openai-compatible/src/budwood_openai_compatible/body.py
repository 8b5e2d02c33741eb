"""The body of a request in the making."""

from __future__ import annotations

from typing import Any, NamedTuple

from budwood.types import Adaptation


class Body(NamedTuple):
    """The body of a request, and the receipts for what is not in it as it was given."""

    values: dict[str, Any]
    adaptations: tuple[Adaptation, ...] = ()
