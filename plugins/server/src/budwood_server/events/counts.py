"""What a process counts about events and webhooks, for metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class EventCounts:
    """
    What has happened since the counts were last taken.

    Attributes:
        ordered: Events that have got their places, by type.
        attempts: Requests to webhooks that have ended, by result: ``"delivered"``; ``"failed"`` if another attempt
            follows, ``"expired"`` if it was the last one; ``"gone"`` for the status 410; ``"superseded"`` if another
            worker has claimed the delivery meanwhile.
        seconds: How long these requests took, together.
        lagged: Streams that were told that they had fallen behind memory.
    """

    ordered: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    lagged: int = 0

    def take(self) -> EventCounts:
        """Return the counts, and begin again."""
        taken = EventCounts(self.ordered, self.attempts, self.seconds, self.lagged)
        self.ordered, self.attempts, self.seconds, self.lagged = Counter(), Counter(), 0.0, 0
        return taken
