"""The metrics of events and webhooks. No label has ids or URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood_server.events.backlog import read_backlog
from budwood_server.events.event_types import EVENT_TYPES

if TYPE_CHECKING:
    from budwood_server.database import Database
    from budwood_server.events.services import EventServices

_RESULTS: Final = ("delivered", "failed", "expired", "gone", "superseded")
_KINDS: Final = ("sse", "websocket")


class EventMetrics:
    """The metrics of the process. They are in the global registry, which can have each once."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"budwood_server_{name}", text, labels)

        def shared(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"budwood_server_{name}", text, labels, multiprocess_mode="mostrecent")

        self._ordered = counter("events", "Events that have got their ids, by type.", "type")
        self._lagged = counter("event_streams_lagged", "Streams that were told that they had fallen behind.")
        self._attempts = counter("webhook_attempts", "Requests to webhooks that have ended, by result.", "result")
        self._seconds = counter("webhook_attempt_seconds", "Seconds that these requests took, together.")
        self._streams = Gauge(
            "budwood_server_event_streams_open", "Streams of events, by kind.", ("kind",), multiprocess_mode="livesum"
        )
        self._unordered = shared("events_unordered", "Events that have no id yet, in the database.")
        self._queue = shared("webhook_deliveries", "Deliveries that have not ended, in the database.", "state")
        self._age = shared("webhook_oldest_due_seconds", "For how long the oldest delivery that may be sent waits.")
        for metric, label, values in (
            (self._ordered, "type", EVENT_TYPES),
            (self._attempts, "result", _RESULTS),
            (self._streams, "kind", _KINDS),
        ):
            for value in values:  # so that each series exists from the start on
                metric.labels(**{label: value})

    def refresh(self, services: EventServices) -> None:
        """Add what has happened in this process since the last time."""
        counts = services.counts.take()
        for name, count in counts.ordered.items():
            self._ordered.labels(name).inc(count)
        for result, count in counts.attempts.items():
            self._attempts.labels(result).inc(count)
        self._seconds.inc(counts.seconds)
        self._lagged.inc(counts.lagged)
        streams = services.hub.count_streams()
        for kind in _KINDS:
            self._streams.labels(kind).set(streams[kind])

    async def measure(self, database: Database) -> None:
        """
        Read how much waits in the database.

        Raises:
            DatabaseError: The database cannot be used.
        """
        backlog = await read_backlog(database)
        self._unordered.set(backlog.unordered)
        self._age.set(backlog.oldest_due)
        for state, count in backlog.deliveries.items():
            self._queue.labels(state).set(count)
