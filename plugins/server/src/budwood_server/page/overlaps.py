"""How long a secret that is replaced is still good: what questions before a rotation ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from budwood_server.page.forms import Form

OVERLAPS: Final = (("0", "At once"), ("3600", "After an hour"), ("86400", "After a day"), ("604800", "After a week"))
"""Seconds and their texts."""


def list_overlap_fields(chosen: str = "0") -> Sequence[Mapping[str, Any]]:
    """Return the fields of the question; see `budwood_server.page.confirmations.ask`."""
    return [
        {
            "name": "overlap",
            "label": "The present secret ends",
            "type": "select",
            "options": OVERLAPS,
            "value": chosen,
        },
        {"name": "once", "label": "", "type": "hidden", "value": uuid4().hex},
    ]


def read_overlap(form: Form) -> float:
    """Return the seconds that a form chooses."""
    overlap = form.text("overlap")
    return float(overlap if overlap in dict(OVERLAPS) else 0)
