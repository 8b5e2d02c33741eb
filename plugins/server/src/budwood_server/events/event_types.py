"""The types of events, and who may see events of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from budwood_server.access.keys import ADMIN, TELEMETRY
from budwood_server.people.principals import Principal
from budwood_server.people.roles import ENDPOINTS_READ, KEYS_READ, PROMPTS_READ, RUNS_READ
from budwood_server.web.problems import reject


class EventType(NamedTuple):
    """
    A type of events.

    Attributes:
        name: Its name.
        meaning: When such an event is written.
        scope: The scope that a principal needs to see its events.
    """

    name: str
    meaning: str
    scope: str


_TYPES: Final = (
    EventType("inference.completed", "A call of a model has succeeded.", TELEMETRY),
    EventType("inference.failed", "A call of a model has failed.", TELEMETRY),
    EventType("cost.threshold_exceeded", "A part of a budget is spent.", TELEMETRY),
    EventType(
        "provider.failed", "An endpoint of a provider failed so often that it is not used for a while.", ENDPOINTS_READ
    ),
    EventType("provider.recovered", "Such an endpoint is used again.", ENDPOINTS_READ),
    EventType("prompt.updated", "A prompt, its versions or its labels have changed.", PROMPTS_READ),
    EventType("token.added", "A token of a vendor was added or replaced.", ADMIN),
    EventType("token.removed", "A token of a vendor was removed.", ADMIN),
    EventType("key.created", "An API key was created, or its secret was replaced.", KEYS_READ),
    EventType("key.revoked", "An API key was revoked.", KEYS_READ),
    EventType("run.finished", "A dataset run has ended.", RUNS_READ),
    EventType("job.finished", "A batch or another job has ended.", TELEMETRY),
    EventType("alert.fired", "An alert has started or ended.", TELEMETRY),
)

EVENT_TYPES: Final = {each.name: each for each in _TYPES}
"""All types by their names."""

INFERENCE: Final = frozenset({"inference.completed", "inference.failed"})
"""The types of which there is an event for each call. They are only written while a webhook or a stream gets them."""


def select_types(patterns: Iterable[str], *, param: str = "types") -> frozenset[str]:
    """
    Return the types that patterns name: ``run.finished``, ``key.*`` for all of a group, or ``*`` for all.

    Args:
        patterns: The patterns.
        param: The field that has them, for errors.

    Raises:
        ProblemError: 400: a pattern names no type.
    """
    found: set[str] = set()
    for pattern in patterns:
        names = match_types(pattern)
        if not names:
            raise reject(
                f"There is no type of events {pattern!r}.",
                param=param,
                code="unknown_event_type",
                hint=f"The types are {', '.join(EVENT_TYPES)}; 'key.*' stands for all of a group, and '*' for all.",
            )
        found |= names
    return frozenset(found)


def match_types(pattern: str) -> frozenset[str]:
    """Return the types that a pattern names; see `select_types`."""
    prefix = pattern.removesuffix("*")
    is_group = pattern == "*" or pattern.endswith(".*")
    return frozenset(name for name in EVENT_TYPES if name == pattern or (is_group and name.startswith(prefix)))


def find_visible(types: Collection[str], principal: Principal) -> frozenset[str]:
    """Return those of some types whose events a principal may see."""
    return find_permitted(types, principal.scopes)


def find_permitted(types: Collection[str], scopes: Collection[str]) -> frozenset[str]:
    """Return those of some types whose events a principal with some scopes may see."""
    return frozenset(name for name in types if EVENT_TYPES[name].scope in scopes)
