"""Stop strings: end a reply where one comes, and show nothing of it."""

from __future__ import annotations

from collections.abc import Sequence


class StopStrings:
    """
    Lets text through until a stop string comes, wherever the pieces are cut.

    Attributes:
        found: The stop string that came, or None.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.found: str | None = None

    def add(self, text: str) -> str:
        """Return what may be shown: no stop string, nor what may be the beginning of one."""
        if self.found is not None:
            return ""
        self._held += text
        places = [(place, stop) for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            end, self.found = min(places)
            shown, self._held = self._held[:end], ""
            return shown
        end = len(self._held) - self._pending()
        shown, self._held = self._held[:end], self._held[end:]
        return shown

    def close(self) -> str:
        """Return what was held back: no more is to come."""
        shown, self._held = self._held, ""
        return shown

    def _pending(self) -> int:
        """Measure the longest end of the text that a stop string begins with."""
        longest = max(map(len, self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stops):
                return length
        return 0
