"""The last events in memory, for all streams of a process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from budwood_server.events.envelope import encode_event
from budwood_server.events.reading import Event

CAPACITY: Final = 2000
"""The events that are kept in memory; streams that are further behind read the table."""


TEXT_CAPACITY: Final = 200
"""Those that are kept as soon as one has texts, which may be long."""


class SharedEvent:
    """
    An event that is encoded once for all streams that send it.

    Args:
        event: The event.
        source: The URL of this server, or another name of it.
    """

    __slots__ = ("_encoded", "_source", "event")

    def __init__(self, event: Event, source: str) -> None:
        self.event = event
        self._source = source
        self._encoded: dict[bool, bytes] = {}

    def encode(self, *, with_texts: bool) -> bytes:
        """Return it as JSON in one line; see `encode_event`."""
        with_texts = with_texts and self.event.texts is not None
        if (encoded := self._encoded.get(with_texts)) is None:
            encoded = self._encoded[with_texts] = encode_event(self.event, self._source, with_texts=with_texts)
        return encoded


class Ring:
    """
    The last events, at consecutive places.

    Args:
        source: The URL of this server, or another name of it, in each event.
        capacity: The maximum number of events.

    Attributes:
        last: The place up to which events were added.
    """

    def __init__(self, source: str, capacity: int = CAPACITY) -> None:
        self._source = source
        self.capacity = capacity
        self._events: deque[SharedEvent] = deque(maxlen=capacity)
        self._has_texts = False
        self.last = 0

    @property
    def first(self) -> int:
        """The place from which events are in memory; that after the last one if there are none."""
        return self.last + 1 - len(self._events)

    def reset(self, last: int) -> None:
        """Forget all events, and continue after a place."""
        self._events.clear()
        self._has_texts = False
        self.last = last

    def add(self, events: Sequence[Event], until: int) -> None:
        """
        Add all events that exist between the last place and another one. If some were removed, it begins after them.

        Args:
            events: The events, in their order.
            until: The place up to which they are all that there are.
        """
        for event in events:
            if event.place != self.last + 1:
                self.reset(event.place - 1)
            if event.texts is not None:
                self._has_texts = True
            while self._has_texts and len(self._events) >= TEXT_CAPACITY:
                self._events.popleft()
            self._events.append(SharedEvent(event, self._source))
            self.last = event.place
        if self.last < until:
            self.reset(until)

    def read(self, after: int, limit: int) -> Sequence[SharedEvent]:
        """Return the events after a place, which must not be before `first` minus one."""
        start = after + 1 - self.first
        return [self._events[index] for index in range(start, min(start + limit, len(self._events)))]
