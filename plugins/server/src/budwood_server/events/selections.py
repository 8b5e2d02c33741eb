"""Which events a stream is asked for, and which of them its reader may see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

from budwood_server.access.keys import TEXTS
from budwood_server.events.event_types import find_visible, select_types
from budwood_server.events.permissions import check_patterns, check_texts
from budwood_server.events.reading import EventFilter, parse_id
from budwood_server.people.principals import Principal, sees_all
from budwood_server.web.problems import reject

DATA_FIELDS: Final = ("key", "model", "user")
"""The fields of the data of events by which a stream can be filtered."""

_PARAMETERS: Final = frozenset({"types", "subject", "after", "ticket", TEXTS, *DATA_FIELDS})
_MAX_FIELDS: Final = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """
    What a stream is asked for.

    Attributes:
        patterns: Types of events, such as ``"run.finished"`` or ``"key.*"``.
        subjects: Only events about these; None for all.
        values: Only events whose data has one of these values in a field.
        with_texts: Whether the texts of prompts and replies are wanted.
        after: The place after which it begins; None for now.
        ticket: What proves who asks, if no header does.
    """

    patterns: Sequence[str] = ("*",)
    subjects: frozenset[str] | None = None
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    with_texts: bool = False
    after: int | None = None
    ticket: str | None = field(default=None, repr=False)

    def restrict(self, principal: Principal) -> EventFilter:
        """
        Return which events a principal gets.

        Raises:
            ProblemError: 400: a pattern names no type. 403: it may see none of a pattern, or no texts.
        """
        check_patterns(self.patterns, principal)
        if self.with_texts:
            check_texts(principal)
        owner = None if sees_all(principal) else principal.owner
        visible = find_visible(select_types(self.patterns), principal)
        return EventFilter(visible, owner, self.subjects, self.values)


def parse_selection(query: bytes, last_id: str | None = None) -> Selection:
    """
    Return what a query asks for.

    Args:
        query: The query of a URL. Names and values may be repeated, or separated by commas.
        last_id: The header ``last-event-id``, which takes precedence over ``after``.

    Raises:
        ProblemError: 400: a parameter is not known, or its value is not valid.
    """
    try:
        given = parse_qs(query.decode("ascii"), max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise reject("The query of the URL is not valid.", code="invalid_query") from None
    if unknown := sorted(given.keys() - _PARAMETERS):
        hint = f"The parameters are {', '.join(sorted(_PARAMETERS))}."
        raise reject(f"There is no parameter {unknown[0]!r}.", param=unknown[0], hint=hint)
    after = given.get("after", [None])[-1]
    place = parse_id(last_id, param="last-event-id") if last_id else None if after is None else parse_id(after)
    subjects = _split(given.get("subject", ()))
    return Selection(
        patterns=_split(given.get("types", ())) or ("*",),
        subjects=frozenset(subjects) or None,
        values={name: frozenset(given[name]) for name in DATA_FIELDS if name in given},
        with_texts=_parse_flag(given.get(TEXTS, ["false"])[-1]),
        after=place,
        ticket=given.get("ticket", [None])[-1],
    )


def _split(values: Sequence[str]) -> Sequence[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _parse_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise reject(f"{text!r} is neither true nor false.", param=TEXTS)
    return text == "true"
