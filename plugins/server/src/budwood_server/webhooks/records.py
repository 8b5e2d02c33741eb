"""Endpoints of webhooks and deliveries, as the database has them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, and_, case, or_

from budwood_server.access.keys import TEXTS
from budwood_server.api_models.webhooks import WebhookState
from budwood_server.database.tables import WEBHOOKS
from budwood_server.events.event_types import find_permitted, match_types
from budwood_server.events.reading import EventFilter
from budwood_server.webhooks.principals import Rights, find_rights, has_principal
from budwood_server.webhooks.schedule import MAX_PAUSE

OPEN: Final = ("waiting", "sending")
"""The states of deliveries that have not ended."""

CLOCK_SECONDS: Final = 600.0
"""Seconds by which clocks of workers may differ."""

_RATE: Final = WEBHOOKS.c.per_second
_MAX_WAIT: Final = case((_RATE.is_(None), 0.0), (_RATE < 1e-9, 1e9), else_=1.0 + 1.0 / _RATE)
"""Seconds for which an endpoint waits for its next request at most: it gets the requests of a second together."""


def has_passed(moment: ColumnElement[float], now: float, longest: float | ColumnElement[float]) -> ColumnElement[bool]:
    """
    Return the condition that a moment has passed. One that is too far ahead was written by a wrong clock.

    Args:
        moment: A column.
        now: The time in seconds since 1970.
        longest: The longest time in seconds that a right clock puts it ahead.
    """
    return or_(moment <= now, moment > now + longest + CLOCK_SECONDS)


def may_send(now: float) -> ColumnElement[bool]:
    """Return the condition that an endpoint may get a request now."""
    is_over = has_passed(WEBHOOKS.c.open_until, now, MAX_PAUSE)
    is_next = has_passed(WEBHOOKS.c.next_request, now, _MAX_WAIT)
    return and_(WEBHOOKS.c.state == "active", is_over, is_next, has_principal(now))


class Reach(NamedTuple):
    """
    Which events an endpoint gets.

    Attributes:
        types: Their types.
        sees_all: Whether it gets events of all owners, and not only of its own.
        with_texts: Whether its events have the texts of prompts and replies.
    """

    types: frozenset[str] = frozenset()
    sees_all: bool = False
    with_texts: bool = False


@dataclass(frozen=True, slots=True)
class Webhook:
    """
    An endpoint to which events are sent.

    Attributes:
        id: Identifies it.
        version: The version of ``webhooks`` at its last change.
        owner: Who owns it.
        name: A name for people.
        url: Where events are sent.
        patterns: The types of events that were chosen for it, such as ``"key.*"``.
        types: Those types that the patterns name now, and that it may get.
        subjects: Only events about these; None for all.
        sees_all: Whether it gets events of all owners, and not only of its own.
        with_texts: Whether its events have the texts of prompts and replies.
        state: ``"active"``, ``"paused"`` by its owner, or ``"disabled"`` by its answers, or with its key or account.
        reason: Why it is disabled, or None.
        has_principal: Whether its key or account can be used; see `budwood_server.webhooks.principals`.
        reach: What it gets, or, if its key or account cannot be used, what it would get if that changed: an account
            can be enabled again.
        concurrency: The maximum number of requests at the same time.
        per_second: The maximum number of requests in a second, or None.
        created: When it was created, in seconds since 1970.
        changed: When it was changed last.
        failures: The number of requests that failed since one succeeded.
        open_until: Until when nothing is sent, after many failures; 0 for now.
    """

    id: str
    version: int
    owner: str
    name: str
    url: str
    patterns: frozenset[str]
    types: frozenset[str]
    subjects: frozenset[str] | None
    sees_all: bool
    with_texts: bool
    state: WebhookState
    reason: str | None
    has_principal: bool
    reach: Reach
    concurrency: int
    per_second: float | None
    created: float
    changed: float
    failures: int = 0
    open_until: float = 0.0

    @property
    def filter(self) -> EventFilter:
        """Which events it gets."""
        return EventFilter(self.types, None if self.sees_all else self.owner, self.subjects)


def to_webhook(row: Mapping[str, Any]) -> Webhook:
    """Return the endpoint of a row of `budwood_server.webhooks.principals.select_webhooks`, as it is at this moment."""
    subjects, rights = row["subjects"], find_rights(row, time.time())
    reach = _find_reach(row, rights)
    now = Reach() if rights.problem else reach
    return Webhook(
        patterns=frozenset(row["types"]),
        types=now.types,
        subjects=None if subjects is None else frozenset(subjects),
        sees_all=now.sees_all,
        with_texts=now.with_texts,
        state="disabled" if rights.problem else row["state"],
        reason=rights.problem or row["reason"],
        has_principal=rights.problem is None,
        reach=reach,
        **{name: row[name] for name in _PLAIN},
    )


def _find_reach(row: Mapping[str, Any], rights: Rights) -> Reach:
    return Reach(
        types=find_permitted(_match_all(row["types"]), rights.scopes),
        sees_all=bool(row["sees_all"]) and rights.sees_all,
        with_texts=bool(row["with_texts"]) and TEXTS in rights.scopes,
    )


def _match_all(patterns: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(match_types(pattern) for pattern in patterns))


_PLAIN: Final = (
    *("id", "version", "owner", "name", "url", "concurrency", "per_second"),
    *("created", "changed", "failures", "open_until"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """
    A delivery that a worker has claimed, to send it now.

    Attributes:
        id: Identifies the delivery.
        webhook: The id of the endpoint.
        place: The place of the event.
        number: The number of the attempt, from 1.
        earlier: The number of attempts before the delivery was last replayed.
        created: When the delivery was created, in seconds since 1970.
    """

    id: int
    webhook: str
    place: int
    number: int
    earlier: int
    created: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    What came of an attempt to send an event.

    Attributes:
        at: When it began, in seconds since 1970.
        seconds: How long it took.
        status: The HTTP status of the answer, or None without one.
        error: Why there is none, or None.
        retry_after: Seconds after which the endpoint wants the next attempt, or None.
        request_headers: The headers that were sent, without the signature.
        response_headers: Those of the answer.
        response_body: The beginning of the answer.
        is_local: Whether it failed on this server, before a request: this tells nothing about the endpoint.
        is_last: Whether the event can never be sent, so that there is no further attempt.
    """

    at: float
    seconds: float
    status: int | None
    error: str | None = None
    retry_after: float | None = None
    request_headers: Mapping[str, str] = field(default_factory=dict)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    is_local: bool = False
    is_last: bool = False

    @property
    def has_succeeded(self) -> bool:
        """Whether the endpoint has accepted the event: any status of 200 to 299."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def disables(self) -> bool:
        """Whether the endpoint wants no more events: the status 410."""
        return self.status == 410


def fail_locally(error: str, *, is_last: bool = False) -> Attempt:
    """
    Return an attempt that failed on this server, before a request.

    Args:
        error: What happened.
        is_last: Whether the event can never be sent.
    """
    return Attempt(at=time.time(), seconds=0.0, status=None, error=error, is_local=True, is_last=is_last)
