"""What the server says about how it made a reply: in headers, or for streams in the field ``budwood`` at their end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar, cast

from budwood.types import JSON, Adaptation, Answer, ChatResponse, MediaCompleted, ResponseMetadata
from budwood_openai_compatible.costs import reported_cost

FIELD: Final = "budwood"

_NAMES: Final = ("provider", "model", "attempts", "cost", "cache", "adaptations")
_ADAPTATION: Final = r"(dropped|renamed|changed) ([^ :;]+): "
_ADAPTATIONS: Final = re.compile(rf"{_ADAPTATION}(.*?)(?=; {_ADAPTATION}|$)", re.DOTALL)
_COSTS: Final = frozenset({"cost", "cost_in_usd_ticks", "estimated_cost", "is_byok", "cost_details"})
"""Fields in which vendors report costs. The server's cost replaces them."""

A = TypeVar("A", bound=Answer)


def read_headers(headers: Mapping[str, str]) -> dict[str, JSON]:
    """Return the report in the headers of a reply, in the form of the field; what is not known is left out."""
    report: dict[str, JSON] = {}
    for name in _NAMES:
        if (text := headers.get(f"x-budwood-{name}")) is not None:
            report[name] = int(text) if name == "attempts" and text.isdecimal() and len(text) < 10 else text
    return report


def parse_adaptations(report: Mapping[str, JSON]) -> tuple[Adaptation, ...]:
    """Return the adaptations that the server has made."""
    text = report.get("adaptations")
    found = _ADAPTATIONS.findall(text) if isinstance(text, str) else ()
    return tuple(Adaptation(action=row[0], parameter=row[1], reason=row[2]) for row in found)


def complete_response(response: A, report: Mapping[str, JSON]) -> A:
    """Return a response with the report of the server: the cost, its adaptations, and whether it is from its cache."""
    if not report:
        return response
    given: Any = response
    changes: dict[str, Any] = {
        "usage": response.usage.model_copy(update={"reported_cost": reported_cost({"cost": report.get("cost")})}),
        "adaptations": parse_adaptations(report),
        "cached": report.get("cache") == "hit",
    }
    if isinstance(response, ChatResponse):
        changes["metadata"] = {**response.metadata, FIELD: dict(report)}
    elif given.raw is None or isinstance(given.raw, dict):
        changes["raw"] = {**(given.raw or {}), FIELD: dict(report)}
    return cast("A", given.model_copy(update=changes))


def move_cost(body: dict[str, Any]) -> dict[str, Any]:
    """Copy the cost in a report to the usage, where it is read, in place of what a vendor reports there."""
    report = body.get(FIELD)
    if not isinstance(report, Mapping):
        return body
    usage = body.get("usage")
    kept = {name: usage[name] for name in usage.keys() - _COSTS} if isinstance(usage, dict) else {}
    cost = {} if report.get("cost") is None else {"cost": report["cost"]}
    return {**body, "usage": kept | cost}


class ReportDecoder:
    """
    Decodes a stream, and completes the events that have the report of the server.

    Args:
        decoder: The decoder of the API.
    """

    def __init__(self, decoder: Any) -> None:  # noqa: ANN401 - of chat, or of media
        self._decoder = decoder

    def feed(self, data: bytes) -> Sequence[Any]:
        """Decode the next bytes."""
        return self._complete(self._decoder.feed(data))

    def close(self) -> Sequence[Any]:
        """Decode what remains at the end."""
        return self._complete(self._decoder.close())

    def _complete(self, events: Sequence[Any]) -> Sequence[Any]:
        return [_complete_event(event) for event in events]


def _complete_event(event: Any) -> Any:  # noqa: ANN401 - events of chat and of media
    if isinstance(event, ResponseMetadata) and isinstance(report := event.data.get(FIELD), dict):
        is_cached = report.get("cache") == "hit"
        return ResponseMetadata(
            event.data, event.rate_limits, event.request_id, adaptations=parse_adaptations(report), cached=is_cached
        )
    if isinstance(event, MediaCompleted):
        raw = event.response.raw
        report = raw.get(FIELD) if isinstance(raw, dict) else None
        if isinstance(report, dict):
            return MediaCompleted(complete_response(event.response, report))
    return event
